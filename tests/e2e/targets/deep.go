// SPDX-License-Identifier: Apache-2.0
// Goroutines that recurse so deep that their stacks are moved several times.
package main

import (
	"fmt"
	"sync"
)

//go:noinline
func deep(n int64) int64 {
	var room [16]int64
	if n == 0 {
		return 0
	}
	room[n%16] = n
	return deep(n-1) + room[n%16]
}

func main() {
	var done sync.WaitGroup
	var sums [8]int64
	for i := range sums {
		done.Add(1)
		go func(i int) {
			defer done.Done()
			sums[i] = deep(int64(300 + i))
		}(i)
	}
	done.Wait()
	fmt.Println(sums)
}
