package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/scanner-api"
)

const scanClients = 32

// benchScan measures scans of the demonstration's kiwifruit packs as JSON, counting
// included, against a bare gin handler that reads a value of the same size from
// Pebble; same server, same load, one after the other.
func benchScan(ctx context.Context, dir string) ([]figure, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	loaded := make(chan *node, 1)
	ended := make(chan error, 1)
	var addresses []string
	go func() {
		cfg := defaultConfig()
		cfg.Address, cfg.Data, cfg.LogLevel = "127.0.0.1:0", filepath.Join(dir, "house"), "error"
		ended <- serve(ctx, cfg, io.Discard, func(ctx context.Context, n *node, base string) error {
			var err error
			if err = loadDemo(ctx, n, base, io.Discard); err == nil {
				addresses, err = demoCodes(ctx, n, base)
			}
			loaded <- n
			return err
		})
	}()
	var n *node
	select {
	case n = <-loaded:
	case err := <-ended:
		return nil, err
	}
	figures, err := compareScans(n, addresses, dir)
	stop()
	return figures, errors.Join(err, <-ended)
}

// demoCodes are the paths of all codes of the kiwifruit lot.
func demoCodes(ctx context.Context, n *node, base string) ([]string, error) {
	demo, err := fixtures.ReadDemo(fixtures.Files())
	if err != nil {
		return nil, err
	}
	signIns, err := n.sampleSignIns(demo)
	if err != nil {
		return nil, err
	}
	u := &uploader{base: base, tokens: signIns, client: http.DefaultClient}
	answer, status, err := u.call(ctx, signIns[who{"farm-pujiang-01", trace.RoleFarm}], http.MethodGet, "/v1/code-packs/"+string(demo.Lots[0].Pack)+"/codes", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("codes: %d %s: %w", status, answer, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(answer)).ReadAll()
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, row := range rows[1:] {
		address, err := url.Parse(row[2])
		if err != nil {
			return nil, err
		}
		paths = append(paths, address.EscapedPath())
	}
	return paths, nil
}

func compareScans(n *node, paths []string, dir string) ([]figure, error) {
	pages, err := scanner.New(scanner.Config{
		Index: n.index, Files: n.store.Files(), Scans: n.store.Scans(), BaseURL: n.cfg.PublicBase, Logger: n.logger,
		Rate: 1e9, Burst: 1e9,
	})
	if err != nil {
		return nil, err
	}
	scans, err := load(pages, paths)
	if err != nil {
		return nil, err
	}
	bare, err := bareHandler(filepath.Join(dir, "bare"), len(paths), scans.size)
	if err != nil {
		return nil, err
	}
	defer bare.close()
	bars, err := load(bare, bare.paths)
	if err != nil {
		return nil, err
	}
	return []figure{
		{"scan", scans.rate, "req/s", "gin+pebble", bars.rate},
		{"scan-p99", scans.p99, "ms", "gin+pebble", bars.p99},
	}, nil
}

// bare is what a scan is compared with: gin in front of Pebble, nothing else.
type bare struct {
	http.Handler
	db    *pebble.DB
	paths []string
}

func bareHandler(dir string, keys, size int) (*bare, error) {
	cache := pebble.NewCache(16 << 20)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{Cache: cache, Logger: quiet{}})
	if err != nil {
		return nil, err
	}
	b := &bare{db: db}
	value := make([]byte, size)
	for i := range keys {
		if _, err := rand.Read(value); err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%018d", i)
		if err := db.Set([]byte(key), value, pebble.NoSync); err != nil {
			return nil, err
		}
		b.paths = append(b.paths, "/01/09520000100018/10/PJ261018-A/21/"+key)
	}
	if err := db.Flush(); err != nil {
		return nil, err
	}
	r := gin.New()
	r.GET("/01/:gtin/10/:lot/21/:serial", func(c *gin.Context) {
		value, closer, err := db.Get([]byte(c.Param("serial")))
		if err != nil {
			c.Status(http.StatusNotFound)
			return
		}
		defer closer.Close()
		c.Data(http.StatusOK, "application/json", value)
	})
	b.Handler = r
	return b, nil
}

// quiet drops Pebble's own log lines.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

func (b *bare) close() { b.db.Close() }

// served is what a load of keep-alive connections got.
type served struct {
	rate float64 // requests a second
	p99  float64 // milliseconds
	size int     // bytes of the largest answer's body
}

// load serves a handler over loopback TCP and asks it for random paths.
func load(h http.Handler, paths []string) (served, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return served{}, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	return loadAt(listener.Addr().String(), paths, false)
}

// loadAt asks a server for random paths from scanClients connections, each waiting for its
// answer; with phones each request is another phone's.
func loadAt(address string, paths []string, phones bool) (served, error) {
	var mu sync.Mutex
	var all []time.Duration
	size := 0
	var group sync.WaitGroup
	errs := make(chan error, scanClients)
	warm, until := time.Now().Add(time.Second), time.Now().Add(6*time.Second)
	for client := range scanClients {
		group.Go(func() {
			c := &scanConnection{address: address, agent: fmt.Sprintf("phone-%d", client), phones: phones}
			var took []time.Duration
			for i := client; ; i += scanClients + 1 {
				began := time.Now()
				if began.After(until) {
					break
				}
				n, err := c.get(paths[i%len(paths)])
				if err != nil {
					errs <- err
					break
				}
				if began.After(warm) {
					took = append(took, time.Since(began))
				}
				size = max(size, n)
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	group.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return served{}, err
	}
	slices.Sort(all)
	if len(all) == 0 {
		return served{}, errors.New("no answer in five seconds")
	}
	return served{rate: float64(len(all)) / until.Sub(warm).Seconds(), p99: float64(all[len(all)*99/100].Microseconds()) / 1000, size: size}, nil
}

// scanConnection is one phone's keep-alive connection, with as little client as can be:
// it shares the cores with what is measured.
type scanConnection struct {
	address, agent string
	phones         bool // each request is another phone's, behind a proxy
	conn           net.Conn
	reader         *bufio.Reader
}

func (c *scanConnection) get(path string) (int, error) {
	if c.conn == nil {
		var err error
		if c.conn, err = net.Dial("tcp", c.address); err != nil {
			return 0, err
		}
		c.reader = bufio.NewReaderSize(c.conn, 64<<10)
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: traceledger\r\nAccept: application/json\r\nUser-Agent: " + c.agent + "\r\n"
	if c.phones {
		request += fmt.Sprintf("X-Forwarded-For: 10.%d.%d.%d\r\n", mathrand.IntN(256), mathrand.IntN(256), mathrand.IntN(256))
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"); err != nil {
		return 0, err
	}
	status, err := c.reader.ReadString('\n')
	if err != nil || !strings.Contains(status, " 200 ") {
		return 0, fmt.Errorf("GET %s: %q: %w", path, status, err)
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if _, err := fmt.Sscanf(string(value), "%d", &length); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("GET %s: no Content-Length", path)
	}
	_, err = c.reader.Discard(length)
	return length, err
}
