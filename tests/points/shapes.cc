/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes, templates, constructors, operators, lambdas. Lines are named by the recorded listings: add at the end. */
#include <cstdio>

#define SEPARATE __attribute__((noinline))

namespace outer { namespace inner {
template <typename T> struct box {
	T v;
	box(T x) : v(x) {}
	~box() { v = T(); }
	SEPARATE T get(int k) const { return v + k; }
	T peek() const { return v; }
};
SEPARATE int use(int a) { box<int> b(a); return b.get(2) + b.peek(); }
SEPARATE int use(double a) { box<double> b(a); return (int)b.get(3); }
}
class shape {
public:
	static int count(int);
	virtual int area(int);
	int operator+(int) const;
	virtual ~shape() {}
};
int shape::count(int a) { return inner::use(a); }
int shape::area(int a) { return count(a) + 1; }
int shape::operator+(int x) const { return x; }
}
namespace { SEPARATE int hidden(int x) { return outer::shape::count(x); } }
template <typename T> SEPARATE T grown(T a) { return a + 1; }
template int grown<int>(int);
template long grown<long>(long);
extern "C" SEPARATE int plain(int a) { return grown(a); }
SEPARATE static int closed(int a)
{
	auto l = [a](int b) SEPARATE { return a + b; };
	return l(3);
}
int main(int argc, char **)
{
	outer::shape s;
	return hidden(argc) + s.area(3) + (s + 2) + plain(argc) + closed(argc) + outer::inner::use(2.0) == 99;
}
