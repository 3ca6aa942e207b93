package scanner_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	scanner "traceledger/scanner-api"
)

// BenchmarkScan and BenchmarkBare give the figures scan and scan-p99: JSON scans of
// random codes of one lot, counting included, against a bare gin handler that reads
// values of the same size from Pebble. Both are served on a TCP port to the same
// connections; the load generator shares the machine.

// benchCodes is how many codes are scanned and how many values are read.
const benchCodes = 2_000

func BenchmarkScan(b *testing.B) {
	w := benchWorld(b)
	paths := make([]string, len(w.serials))
	for i := range paths {
		paths[i] = w.item(int64(i) + 1)
	}
	load(b, scanner.NewServer(w.scanner), paths)
	b.ReportMetric(float64(len(w.get(w.item(1), "Accept", asJSON).body)), "bytes")
}

func BenchmarkBare(b *testing.B) {
	w := benchWorld(b)
	handler, paths := bare(b, len(w.get(w.item(1), "Accept", asJSON).body))
	load(b, scanner.NewServer(handler), paths)
}

func benchWorld(b *testing.B) *world {
	w := startWorldOf(b, benchCodes, func(cfg *scanner.Config) { cfg.Copies = scanner.CopyLimits{VisitorsPerDay: 1 << 20, Scans: 1 << 40} })
	w.whole(true)
	return w
}

// bare serves values of the size of a scan's JSON from Pebble, and does nothing else.
func bare(b *testing.B, size int) (http.Handler, []string) {
	db, err := pebble.Open(b.TempDir(), &pebble.Options{CacheSize: 256 << 20})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	random := rand.NewChaCha8([32]byte{1})
	value := make([]byte, size)
	paths := make([]string, benchCodes)
	for i := range paths {
		_, err := random.Read(value)
		require.NoError(b, err)
		key := fmt.Sprintf("%018d", i)
		require.NoError(b, db.Set([]byte(key), value, pebble.NoSync))
		paths[i] = "/v/" + key
	}
	require.NoError(b, db.Flush())
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/v/:key", func(c *gin.Context) {
		value, closer, err := db.Get([]byte(c.Param("key")))
		if err != nil {
			c.Status(http.StatusNotFound)
			return
		}
		c.Data(http.StatusOK, "application/json; charset=utf-8", value)
		if err := closer.Close(); err != nil {
			b.Error(err)
		}
	})
	return engine, paths
}

// load asks random paths over 32 connections, each a phone of its own, and reports
// requests a second and the 99th percentile.
func load(b *testing.B, server *http.Server, paths []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	b.Cleanup(func() {
		require.NoError(b, server.Close())
		require.ErrorIs(b, <-ended, http.ErrServerClosed)
	})
	const connections = 32
	all := make([][]time.Duration, connections)
	var work sync.WaitGroup
	b.ResetTimer()
	for n := range connections {
		asked := b.N / connections
		if n < b.N%connections {
			asked++
		}
		work.Go(func() {
			took, err := phone(listener.Addr().String(), n, asked, paths)
			if err != nil {
				b.Error(err)
			}
			all[n] = took
		})
	}
	work.Wait()
	b.StopTimer()
	took := slices.Concat(all...)
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	}
}

// phone asks over one connection, with as little work of its own as it can.
func phone(address string, number, asked int, paths []string) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReaderSize(conn, 64<<10)
	random := rand.New(rand.NewPCG(uint64(number), 1))
	took := make([]time.Duration, 0, asked)
	for range asked {
		request := "GET " + paths[random.IntN(len(paths))] + " HTTP/1.1\r\nHost: trace.example\r\nAccept: application/json\r\nUser-Agent: Mozilla/5.0 phone " + strconv.Itoa(number) + "\r\n\r\n"
		start := time.Now()
		if _, err := io.WriteString(conn, request); err != nil {
			return took, err
		}
		if err := skipAnswer(answers); err != nil {
			return took, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

func skipAnswer(answers *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		if first && !strings.HasSuffix(text, " 200 OK") {
			return fmt.Errorf("answered %s", text)
		}
		if text == "" {
			break
		}
		if value, ok := strings.CutPrefix(text, "Content-Length: "); ok {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("the answer has no length")
	}
	_, err := answers.Discard(length)
	return err
}
