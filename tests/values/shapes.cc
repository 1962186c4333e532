// SPDX-License-Identifier: Apache-2.0
// Classes: bases, references, templates, lambdas, containers, exceptions.
#include "fill.h"

#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace shapes {
enum class Kind : unsigned char { Square = 1, Circle = 4 };
struct Counted { static int alive; int serial; Counted() : serial(++alive) {} };
int Counted::alive = 0;
class Shape : public Counted {
public:
	explicit Shape(Kind k, const char *n) : kind(k), name(n) {}
	virtual ~Shape() {}
	virtual double area() const = 0;
	Kind kind;
	std::string name;
protected:
	short weight = 3;
};
class Square : public Shape {
public:
	explicit Square(double s) : Shape(Kind::Square, "square"), side(s) {}
	double area() const override { double a = side * side; return a + weight * 0; }
	double side;
};
class Circle : public Shape {
public:
	explicit Circle(float r) : Shape(Kind::Circle, "circle"), radius(r) {}
	double area() const override { float squared = radius * radius; return 3.0 * squared; }
	float radius;
};
template <typename T, int N> struct Ring {
	T slot[N] = {};
	unsigned at = 0;
	void put(const T &v) { slot[at % N] = v; at++; }
	T sum() const { T s = T(); for (int i = 0; i < N; i++) { T v = slot[i]; s = s + v; } return s; }
};
template <typename F> long apply(F &&f, int times)
{
	long result = 0;
	for (int i = 0; i < times; i++) {
		long one = f(i);
		result += one;
	}
	return result;
}
static double largest(const std::vector<std::unique_ptr<Shape>> &all, std::size_t &where)
{
	double best = -1;
	std::size_t i = 0;
	for (const auto &s : all) {
		double a = s->area();
		const Shape &shape = *s;
		if (a > best && shape.serial > 0) {
			best = a;
			where = i;
		}
		i++;
	}
	return best;
}
static int checked(int value, bool strict)
{
	int twice = value * 2;
	if (strict && twice > 10)
		throw std::out_of_range("too large");
	return twice;
}
}

int main()
{
	using namespace shapes;
	std::vector<std::unique_ptr<Shape>> all;
	std::map<int, long> tally;
	Ring<int, 4> ints;
	Ring<double, 3> doubles;
	std::size_t where = 0;
	int caught = 0, base = 10;

	for (int i = 1; i < 6; i++) {
		if (i % 2)
			all.push_back(std::make_unique<Square>(i * 1.5));
		else
			all.push_back(std::make_unique<Circle>(i * 0.75f));
		ints.put(i * i);
		doubles.put(i / 4.0);
		tally[i % 3] += i;
	}
	double best = largest(all, where);
	long sum = apply([&base](int i) { long v = base + i; base++; return v; }, 5);
	for (int i = 3; i < 8; i++)
		try {
			base += checked(i, true);
		} catch (const std::exception &e) {
			caught++;
		}
	std::printf("%g %zu %ld %d %g %d %d %ld\n", best, where, sum, ints.sum(), doubles.sum(), caught, base, tally[1]);
	return 0;
}
