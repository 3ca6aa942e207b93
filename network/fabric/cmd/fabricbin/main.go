// Command fabricbin builds the pinned Fabric programs if they are not in the
// cache yet and prints the folder that holds them.
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
	dir, err := fabric.EnsureBinaries(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
