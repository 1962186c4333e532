// SPDX-License-Identifier: Apache-2.0

// Methods, slices, generics and closures.
package main

import "os"

type Shape struct {
	Width, Height int
	Name          string
}

//go:noinline
func (s *Shape) Area(scale int) int { return s.Width * s.Height * scale }

//go:noinline
func Sum(xs []int) (total int) {
	for _, x := range xs {
		total += x
	}
	return
}

type pair[K comparable, V any] struct {
	k K
	v V
}

//go:noinline
func make2[K comparable, V any](k K, v V) pair[K, V] { return pair[K, V]{k, v} }

func main() {
	s := &Shape{3, 4, "box"}
	p := make2("a", len(os.Args))
	println(s.Area(2), Sum([]int{1, 2, 3}), p.v)
}
