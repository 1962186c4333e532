// SPDX-License-Identifier: Apache-2.0
// Exceptions, destructors, virtual calls, containers, lambdas.
#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

static volatile long sink;

struct guard {
	~guard() { sink = sink + 1; }
};

struct shape {
	virtual ~shape() = default;
	virtual long area(long n) const = 0;
};
struct square : shape {
	long area(long n) const override { sink = sink + n; return n * n; }
};
struct circle : shape {
	long area(long n) const override
	{
		guard g;
		if (n % 5 == 0)
			throw std::runtime_error("five " + std::to_string(n));
		return 3 * n * n;
	}
};

__attribute__((noinline)) static long measure(const shape &s, long n)
{
	guard g;
	try {
		return s.area(n);
	} catch (const std::logic_error &) {
		return -1;
	}
}

__attribute__((noinline)) static long all(long n)
{
	std::vector<std::unique_ptr<shape>> list;
	std::map<std::string, long> names;
	long sum = 0;

	list.emplace_back(new square);
	list.emplace_back(new circle);
	for (long i = 0; i < n; i++) {
		try {
			sum += measure(*list[(size_t)i % 2], i);
		} catch (const std::exception &e) {
			names[e.what()] = i;
		}
	}
	std::vector<long> v;
	for (auto &p : names)
		v.push_back(p.second);
	std::sort(v.begin(), v.end(), [](long a, long b) { sink = sink + 1; return a > b; });
	return sum + (long)names.size();
}

int main()
{
	std::ostringstream out;

	out << all(40) << " " << 1.5;
	return out.str().size() > 100;
}
