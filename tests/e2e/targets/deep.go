// SPDX-License-Identifier: Apache-2.0
// Goroutines that recurse so deep that their stacks are moved several times, with frames of each size that the
// compiler checks the stack for in its own way: below 128 bytes, below 4096, above.
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

//go:noinline
func narrow(n int64) int64 {
	if n == 0 {
		return 0
	}
	return narrow(n-1) + n
}

//go:noinline
func wide(n int64) int64 {
	var room [1024]int64
	if n == 0 {
		return 0
	}
	room[n%1024] = n
	return wide(n-1) + room[n%1024]
}

func main() {
	var done sync.WaitGroup
	var sums [8]int64
	for i := range sums {
		done.Add(1)
		go func(i int) {
			defer done.Done()
			sums[i] = narrow(1000) + deep(int64(300+i)) + wide(100)
		}(i)
	}
	done.Wait()
	fmt.Println(sums)
}
