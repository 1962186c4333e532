/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases, wildcards, sites, and what target variables make of a body. */
#include "tests.h"

#include <string.h>

static struct world world;

static int open_world(void **state)
{
	(void)state;
	world_open(&world);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static void check(const char *script)
{
	if (world_check(&world, script))
		fail_msg("%s\n%s", script, world_messages(&world));
}

static void appears_in_order(const char *text, const char *first, const char *second,
			     const char *third)
{
	const char *at = strstr(text, first);

	assert_non_null(at);
	at = strstr(at, second);
	assert_non_null(at);
	assert_non_null(strstr(at, third));
}

static void alias_goes_in_front(void **state)
{
	(void)state;
	check("probe both { println(where) }");
	assert_int_equal(world.program->probes.n, 2);
	appears_in_order(world_body(&world, 0), "where", "println", "where");
	assert_string_equal(world.program->probes.p[0]->name, "both");
	assert_string_equal(world.program->probes.p[0]->alias, "both");
	assert_int_equal(world.program->probes.p[0]->locals.n, 1);
}

static void epilogues_go_behind(void **state)
{
	(void)state;
	check("probe once { println(\"body\") } probe wrapped { println(\"middle\") }");
	appears_in_order(world_body(&world, 0), "body", "exit", "");
	appears_in_order(world_body(&world, 1), "in", "middle", "out");
}

static void suffix_follows_the_alias(void **state)
{
	(void)state;
	check("probe tick = timer.s(5) { } probe tick.randomize(2) { println(1) }");
	assert_string_equal(world.program->probes.p[0]->point->point, "timer.s(5).randomize(2)");
	assert_string_equal(world.program->probes.p[0]->derivation,
			    "tick = timer.s(5) <- tick.randomize(2)");
}

static void wildcards_match_forms_and_aliases(void **state)
{
	(void)state;
	check("probe part.* { println(1) } probe t*.s(1) { println(2) } probe **.late { println(3) "
	      "}");
	assert_int_equal(world.program->probes.n, 5);
	assert_string_equal(world.program->probes.p[0]->name, "part.one");
	assert_string_equal(world.program->probes.p[1]->name, "part.two");
	assert_string_equal(world.program->probes.p[2]->name, "timer.s(1)");
	assert_string_equal(world.program->probes.p[3]->name, "fake.event.late");
	assert_string_equal(world.program->probes.p[4]->name, "part.two.late");
}

static void sufficient_ends_the_list(void **state)
{
	(void)state;
	check("probe fake.site(\"none\")!, begin!, end { println(1) }");
	assert_int_equal(world.program->probes.n, 1);
	assert_string_equal(world.program->probes.p[0]->point->point, "begin");
}

static void conditions_are_joined(void **state)
{
	(void)state;
	check("global g = 1, h = 1; probe on = timer.s(1) if (g) { } probe on if (h) { println(1) "
	      "}");
	assert_non_null(world.program->probes.p[0]->condition);
	assert_int_equal(world.program->probes.p[0]->condition->binary.op, OP_LOGICAL_AND);
	assert_null(strstr(world_print(&world), "unresolved"));
}

static void like_sites_share_a_probe(void **state)
{
	(void)state;
	check("probe fake.site(\"like\") { println($arg1) }");
	assert_int_equal(world.program->probes.n, 1);
	assert_int_equal(world.program->probes.p[0]->sites.n, 3);
}

static void unlike_sites_are_split(void **state)
{
	(void)state;
	check("probe fake.site(\"unlike\") { if (@defined($arg1)) println($arg1) else "
	      "println(\"none\") }");
	assert_int_equal(world.program->probes.n, 3);
	assert_null(strstr(world_body(&world, 0), "none"));
	assert_non_null(strstr(world_body(&world, 2), "none"));
}

static void sites_stay_together_when_nothing_is_asked(void **state)
{
	(void)state;
	check("probe fake.site(\"unlike\") { println(pid(), $text) }");
	assert_int_equal(world.program->probes.n, 1);
	assert_int_equal(world.program->probes.p[0]->sites.n, 3);
}

static void functions_see_the_probe(void **state)
{
	(void)state;
	check("probe fake.site(\"unlike\") { println(first_arg()) } probe begin { "
	      "println(first_arg()) }");
	/* a twin of the function each, and the probe of the function's file */
	assert_int_equal(world.program->functions.n, 4);
	assert_int_equal(world.program->probes.n, 5);
}

static void constants_of_a_probe(void **state)
{
	(void)state;
	check("probe part.one { println(pn(), probe_type()) }");
	assert_non_null(strstr(world_body(&world, 0), "\"part.one\", \"fake\""));
}

static void library_comes_on_demand(void **state)
{
	(void)state;
	check("probe begin { println(1) }");
	assert_int_equal(world.program->probes.n, 1);
	assert_int_equal(world.program->functions.n, 0);
}

static void library_brings_its_probes(void **state)
{
	(void)state;
	check("probe begin { println(__shared) }");
	assert_int_equal(world.program->probes.n, 2);
	assert_string_equal(world.program->probes.p[0]->point->point, "begin(-5)");
}

static void arguments_are_globals(void **state)
{
	static char *args[] = { (char *)"one", (char *)"t\"wo" };

	(void)state;
	world.options.script_args = args;
	world.options.n_script_args = 2;
	check("probe begin { println(argc, argv[2], argv_1) }");
	assert_true(world.argc_used);
	assert_non_null(strstr(world_body(&world, 0), "\"t\\\"wo\""));
	assert_int_equal(world.program->probes.p[0]->point->sequence, INT64_MIN);
}

static void lists_points(void **state)
{
	(void)state;
	world_list(&world, "part.*");
	assert_int_equal(world.program->probes.n, 2);
	assert_string_equal(world.program->probes.p[0]->alias, "part.one");
	assert_int_equal(world.program->probes.p[0]->locals.n, 1);
	assert_int_equal(world.program->probes.p[0]->locals.p[0]->type, TYPE_LONG);
}

int sema_point_tests(void)
{
#define POINT_TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
	const struct CMUnitTest tests[] = {
		POINT_TEST(alias_goes_in_front),
		POINT_TEST(epilogues_go_behind),
		POINT_TEST(suffix_follows_the_alias),
		POINT_TEST(wildcards_match_forms_and_aliases),
		POINT_TEST(sufficient_ends_the_list),
		POINT_TEST(conditions_are_joined),
		POINT_TEST(like_sites_share_a_probe),
		POINT_TEST(unlike_sites_are_split),
		POINT_TEST(sites_stay_together_when_nothing_is_asked),
		POINT_TEST(functions_see_the_probe),
		POINT_TEST(constants_of_a_probe),
		POINT_TEST(library_comes_on_demand),
		POINT_TEST(library_brings_its_probes),
		POINT_TEST(arguments_are_globals),
		POINT_TEST(lists_points),
	};

	return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
