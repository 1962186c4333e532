// SPDX-License-Identifier: Apache-2.0
// spawn N M: N goroutines start M programs each, and one that is not there.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	m, _ := strconv.Atoi(os.Args[2])
	var all sync.WaitGroup
	var lock sync.Mutex
	good := 0
	for i := 0; i < n; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for k := 0; k < m; k++ {
				out, err := exec.Command("/bin/echo", "x").Output()
				if err == nil && string(out) == "x\n" {
					lock.Lock()
					good++
					lock.Unlock()
				}
			}
		}()
	}
	all.Wait()
	_, err := exec.Command("/nonexistent").Output()
	fmt.Println(good, err)
}
