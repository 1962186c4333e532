/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions thrown through frames that clean up, caught by type, thrown again. */
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

static int cleaned;
struct guard {
	int weight;
	explicit guard(int w) : weight(w) {}
	~guard() { cleaned += weight; }
};

__attribute__((noinline)) static int deep(int n)
{
	guard g(n + 1);

	if (n == 0)
		throw std::runtime_error("bottom");
	if (n == 5)
		throw n;
	return deep(n - 1) + 1;
}

__attribute__((noinline)) static int middle(int n)
{
	guard a(100);
	std::vector<std::string> names(static_cast<size_t>(n) + 1, "a name that is not short at all");

	try {
		return deep(n) + static_cast<int>(names.size());
	} catch (int v) {
		guard b(1000);
		if (v == n)
			return v;
		throw;
	}
}

int main()
{
	int total = 0;

	for (int i = 0; i < 8; i++) {
		try {
			total += middle(i);
		} catch (const std::exception &e) {
			total += e.what()[0];
		} catch (...) {
			total += 7;
		}
	}
	std::printf("%d %d\n", total, cleaned);
	return 0;
}
