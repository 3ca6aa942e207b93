// Command fabricbin builds the pinned Fabric programs, Fabric CA included, if
// they are not in the cache yet and prints the folders that hold them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"traceledger/network/fabric"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, ensure := range []func(context.Context) (string, error){fabric.EnsureBinaries, fabric.EnsureCA} {
		dir, err := ensure(ctx)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(dir)
	}
}
