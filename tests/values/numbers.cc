// SPDX-License-Identifier: Apache-2.0
// Numbers: floating point in vector registers, matrices, inlining, operators, parameters by value in parts.
#include "fill.h"

#include <cstdint>
#include <cstdio>

struct Complex { double re, im; };
static inline Complex operator*(Complex a, Complex b) { return { a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re }; }
static inline Complex operator+(Complex a, const Complex &b) { return { a.re + b.re, a.im + b.im }; }
struct Fraction {
	int64_t n, d;
	Fraction reduced() const
	{
		int64_t a = n < 0 ? -n : n, b = d;
		while (b) {
			int64_t r = a % b;
			a = b;
			b = r;
		}
		return { n / a, d / a };
	}
};
static int escapes(Complex c, int most)
{
	Complex z = { 0, 0 };
	int i;
	for (i = 0; i < most; i++) {
		double size = z.re * z.re + z.im * z.im;
		if (size > 4)
			break;
		z = z * z + c;
	}
	return i;
}
template <int N> struct Matrix {
	float v[N][N];
	__attribute__((noinline)) Matrix times(const Matrix &o) const
	{
		Matrix r;
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				float s = 0;
				for (int k = 0; k < N; k++)
					s += v[i][k] * o.v[k][j];
				r.v[i][j] = s;
			}
		return r;
	}
};
static __attribute__((noinline)) double root(double x, double guess, unsigned &rounds)
{
	double error;
	do {
		double next = (guess + x / guess) / 2;
		error = next > guess ? next - guess : guess - next;
		guess = next;
		rounds++;
	} while (error > 1e-6);
	return guess;
}
static __attribute__((noinline)) uint64_t mix(uint64_t a, uint32_t b, uint16_t c, uint8_t d, int8_t e, bool f)
{
	uint64_t h = a ^ 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i < 3u + f; i++) {
		uint32_t low = uint32_t(h), high = uint32_t(h >> 32);
		h = (uint64_t(low) * b + high) ^ (uint64_t(c) << 16) ^ d;
		h += uint64_t(int64_t(e));
	}
	return h;
}
static Fraction series(int terms)
{
	Fraction sum = { 0, 1 };
	for (int k = 1; k <= terms; k++) {
		Fraction term = { k % 2 ? 1 : -1, k };
		Fraction next = { sum.n * term.d + term.n * sum.d, sum.d * term.d };
		sum = next.reduced();
	}
	return sum;
}
int main()
{
	int inside = 0;
	for (int y = -2; y <= 2; y++)
		for (int x = -3; x <= 1; x++) {
			Complex c = { x * 0.5, y * 0.4 };
			int n = escapes(c, 30);
			inside += n == 30;
		}
	Matrix<3> m = { { { 1, 2, 3 }, { 0.5f, 1, 0 }, { 2, 0, 1 } } };
	Matrix<3> p = m.times(m);
	unsigned rounds = 0;
	double r = root(2, 1, rounds);
	Fraction s = series(9);
	std::printf("%d %g %g %u %lld/%lld %llx\n", inside, double(p.v[1][2]), r, rounds, (long long)s.n, (long long)s.d,
		    (unsigned long long)mix(12345, 678, 90, 12, -3, true));
	return 0;
}
