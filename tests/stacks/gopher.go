// SPDX-License-Identifier: Apache-2.0
// Calls through interfaces and closures, a panic that is recovered, sorting, on one goroutine's stack.
package main

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
)

type shape interface{ area(n int) int }
type square struct{}
type circle struct{}

//go:noinline
func (square) area(n int) int { return n * n }

//go:noinline
func (circle) area(n int) int {
	if n == 7 {
		panic("seven")
	}
	return 3 * n * n
}

//go:noinline
func measure(s shape, n int) (r int) {
	defer func() {
		if recover() != nil {
			r = -1
		}
	}()
	return s.area(n)
}

//go:noinline
func deep(n int) int {
	var room [256]byte
	room[n&255] = 1
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + int(room[n&255])
}

func main() {
	runtime.GOMAXPROCS(1)
	sum := deep(200)
	for i := 0; i < 10; i++ {
		sum += measure(square{}, i) + measure(circle{}, i)
	}
	words := strings.Fields("the quick brown fox jumps over the lazy dog")
	sort.Slice(words, func(i, j int) bool { return words[i] < words[j] })
	fmt.Println(sum, strings.Join(words, " "))
}
