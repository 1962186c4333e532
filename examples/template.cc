/* SPDX-License-Identifier: Apache-2.0 */
/* A program for template.stp: a ring of numbers and one of texts. */
#include <cstdio>

template <typename T, unsigned N> class ring {
	T items[N] = {};
	unsigned next = 0;

public:
	__attribute__((noinline)) T put(T item)
	{
		unsigned place = next++ % N;
		T before = items[place];

		items[place] = item; /* line 15 */
		return before;
	}
};

int main()
{
	ring<int, 2> numbers;
	ring<const char *, 3> texts;

	for (int i = 1; i <= 3; i++)
		std::printf("%d\n", numbers.put(10 * i));
	texts.put("first");
	std::puts(texts.put("second") ? "?" : "done");
}
