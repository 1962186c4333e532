/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of $CC, or cc: from the text to an image of one segment at address 0, with no undefined symbol and no
 * writable data. A linker script of ours says so; a private folder holds the files and is gone at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embed/private.h"

extern char **environ;

static const char linker_script[] =
	"PHDRS { text PT_LOAD FILEHDR PHDRS FLAGS(5); dynamic PT_DYNAMIC FLAGS(4); }\n"
	"SECTIONS {\n"
	". = SIZEOF_HEADERS;\n"
	".text : ALIGN(16) { KEEP(*(.text.spile_entry)) *(.text .text.*) } :text\n"
	".rodata : ALIGN(64) { KEEP(*(.rodata.const)) *(.rodata .rodata.*) KEEP(*(.spile_runtime)) *(.data.rel.ro .data.rel.ro.*) } :text\n"
	".dynsym : { *(.dynsym) } :text\n.dynstr : { *(.dynstr) } :text\n.gnu.hash : { *(.gnu.hash) } :text\n.hash : { *(.hash) } :text\n"
	".rela.dyn : { *(.rela.*) } :text\n.eh_frame : { *(.eh_frame) } :text\n.dynamic : { *(.dynamic) } :text :dynamic\n"
	".forbidden : { *(.data .data.* .bss .bss.* COMMON .got .got.plt .tdata .tbss) } :text\n"
	"ASSERT(SIZEOF(.forbidden) == 0, \"embedded C has static variables that change: keep them in globals of the script\")\n"
	"/DISCARD/ : { *(.comment) *(.note.*) *(.interp) *(.gnu.version*) }\n"
	"}\n";

struct run {
	struct arena *arena;
	const char *folder, *source, *script, *object, *messages;
};

static struct error *write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	bool bad = !f || fputs(text, f) < 0;

	if (f)
		bad |= fclose(f) != 0;
	return bad ? error_errno(errno, "cannot write '%s'", path) : NULL;
}

/* The bytes of a file; NULL if there is none. */
static uint8_t *read_file(struct arena *a, const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes = NULL;

	*size = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size >= 0) {
		bytes = arena_array(a, uint8_t, (size_t)st.st_size + 1);
		if (read(fd, bytes, (size_t)st.st_size) == st.st_size)
			*size = (size_t)st.st_size;
	}
	close(fd);
	return bytes;
}

static struct error *make_folder(struct run *r)
{
	const char *where = getenv("TMPDIR");
	char *folder = (char *)arena_printf(r->arena, "%s/spile.XXXXXX", where && *where ? where : "/tmp");

	if (!mkdtemp(folder))
		return error_errno(errno, "cannot make a folder in '%s'", where && *where ? where : "/tmp");
	r->folder = folder;
	r->source = arena_printf(r->arena, "%s/embedded.c", folder);
	r->script = arena_printf(r->arena, "%s/embedded.ld", folder);
	r->object = arena_printf(r->arena, "%s/embedded", folder);
	r->messages = arena_printf(r->arena, "%s/messages", folder);
	return NULL;
}

static void remove_folder(const struct run *r)
{
	unlink(r->source);
	unlink(r->script);
	unlink(r->object);
	unlink(r->messages);
	rmdir(r->folder);
}

static const char *compiler(void)
{
	const char *cc = getenv("CC");

	return cc && *cc ? cc : "cc";
}

static struct error *start(const struct run *r, pid_t *pid)
{
	char *words[] = { (char *)compiler(), (char *)"-std=gnu17", (char *)"-O2", (char *)"-g1", (char *)"-fPIE", (char *)"-ffreestanding",
			  (char *)"-mgeneral-regs-only", (char *)"-mno-red-zone", (char *)"-fno-stack-protector", (char *)"-fvisibility=hidden",
			  (char *)"-fno-asynchronous-unwind-tables", (char *)"-fcf-protection=none", (char *)"-ffunction-sections",
			  (char *)"-fdata-sections", (char *)"-fno-jump-tables", (char *)"-U_FORTIFY_SOURCE", (char *)"-fno-common",
			  (char *)"-Wno-unused", (char *)"-fno-diagnostics-color", (char *)"-nostdlib", (char *)"-static-pie",
			  (char *)"-Wl,--no-dynamic-linker,-z,text,-z,noexecstack,--build-id=none,--gc-sections",
			  (char *)arena_printf(r->arena, "-Wl,-T,%s", r->script), (char *)"-o", (char *)r->object, (char *)r->source, NULL };
	posix_spawn_file_actions_t files;
	int bad;

	if (posix_spawn_file_actions_init(&files))
		base_oom();
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, r->messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&files, 1, 2);
	bad = posix_spawnp(pid, words[0], &files, NULL, words, environ);
	posix_spawn_file_actions_destroy(&files);
	if (bad)
		return error_hint(error_new(ERROR_NOT_FOUND, "embedded C needs a C compiler: cannot run '%s': %s", words[0], strerror(bad)),
				  "install gcc or clang, or name one in the environment variable CC");
	return NULL;
}

static struct error *compile(struct run *r, const char *text, struct embed_product *out)
{
	struct error *e = write_file(r->source, text);
	int status = -1;
	size_t size;
	pid_t pid;

	if (!e)
		e = write_file(r->script, linker_script);
	if (!e)
		e = start(r, &pid);
	if (e)
		return e;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	out->said = (const char *)read_file(r->arena, r->messages, &size);
	if (!out->said)
		out->said = "";
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		out->bytes = read_file(r->arena, r->object, &out->size);
	return NULL;
}

struct error *embed_run_compiler(struct arena *a, const char *text, struct embed_product *out)
{
	struct run r = { .arena = a };
	struct error *e = make_folder(&r);

	*out = (struct embed_product){ .said = "" };
	if (e)
		return e;
	e = compile(&r, text, out);
	remove_folder(&r);
	return e;
}
