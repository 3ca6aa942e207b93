// Package leaktest finds the goroutines that a package's tests have left running.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs a package's tests and demands that every goroutine ends with what started
// it. One that has been told to end has a minute: it may be long before a busy machine
// lets it run.
func Main(m *testing.M) {
	code := m.Run()
	for began := time.Now(); code == 0; {
		err := goleak.Find()
		if err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
