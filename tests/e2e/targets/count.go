// SPDX-License-Identifier: Apache-2.0
// count WORKERS CALLS: each goroutine calls work CALLS times; CALLS 0: until SIGTERM.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

//go:noinline
func work(i int64) int64 {
	sum := i
	for k := int64(0); k < 4; k++ {
		sum = sum*31 + (sum >> 7) + k
	}
	return sum
}

func main() {
	workers, calls := 1, int64(1000)
	if len(os.Args) > 1 {
		workers, _ = strconv.Atoi(os.Args[1])
	}
	if len(os.Args) > 2 {
		calls, _ = strconv.ParseInt(os.Args[2], 10, 64)
	}
	var stop atomic.Bool
	var total, wrong atomic.Int64
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() { <-c; stop.Store(true) }()
	if calls == 0 {
		fmt.Println("pid", os.Getpid())
	}
	var wg sync.WaitGroup
	for w := 0; w < workers; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			expected, n := work(42), int64(0)
			for calls > 0 && n < calls || calls == 0 && !stop.Load() {
				if work(42) != expected {
					wrong.Add(1)
				}
				n++
				if calls == 0 && n%1000 == 0 {
					time.Sleep(100 * time.Microsecond)
				}
			}
			total.Add(n + 1)
		}()
	}
	wg.Wait()
	fmt.Printf("total=%d wrong=%d\n", total.Load(), wrong.Load())
	if wrong.Load() != 0 {
		os.Exit(1)
	}
}
