// SPDX-License-Identifier: Apache-2.0
// thrower: throws and catches seven exceptions.
#include <cstdio>
#include <stdexcept>

__attribute__((noinline)) static void fail(int i)
{
	if (i % 2)
		throw std::runtime_error("odd");
	throw i;
}

int main()
{
	int caught = 0;

	for (int i = 0; i < 7; i++) {
		try {
			fail(i);
		} catch (const std::exception &) {
			caught++;
		} catch (int) {
			caught++;
		}
	}
	std::printf("caught %d\n", caught);
	return 0;
}
