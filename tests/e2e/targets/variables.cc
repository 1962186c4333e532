// SPDX-License-Identifier: Apache-2.0
// Classes with bases, references, templates, scoped enumerations, class variables.
#include <cstdio>
#ifdef __clang__
#define KEEP __attribute__((noinline))
#else
#define KEEP __attribute__((noinline, noclone))
#endif
#define STAY __asm__ volatile("" ::: "memory")
struct Base { int id; static int count; virtual ~Base() {} };
int Base::count = 3;
struct Other { long o; };
namespace ns {
enum class Kind : signed char { Low = -1, High = 2 };
int inside = 11;
class Derived : public Base, private Other {
public:
	int x;
	Kind kind;
	const char *name;
	Derived *link;
	Derived &self;
	int big[40];
	Derived() : x(5), kind(Kind::High), name("cxx"), link(this), self(*this), big() { id = 4; o = 6; }
	KEEP int method(int k) { STAY; return k + x + id; }
};
template <typename T> KEEP T twice(T v) { STAY; return v + v + inside; }
}
KEEP int use(ns::Derived &r, const ns::Derived *p, int &number, bool flag, ns::Kind kind)
{
	STAY;
	return r.method(3) + p->x + number + flag + int(kind);
}
int main()
{
	ns::Derived d;
	int number = 40;
	printf("%d %d %ld\n", use(d, &d, number, true, ns::Kind::Low), ns::twice(4), ns::twice(5l));
	return 0;
}
