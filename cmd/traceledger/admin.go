package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
)

// A process that holds a data directory answers its owner's commands, such as enrol
// and token, on the Unix socket DATA/admin/socket. The folder is its owner's alone: who
// can reach the socket could as well stop the process and read the keys. Each command is
// a POST to its name, its request and answer JSON.
const (
	adminFolder = "admin"
	adminSocket = "socket"
)

func adminPath(data string) string { return filepath.Join(data, adminFolder, adminSocket) }

// adminHandler answers one command: it writes what the command prints, or fails.
type adminHandler func(ctx context.Context, request []byte) (any, error)

// adminRefusal is the answer to a command that failed.
type adminRefusal struct {
	Code   trace.Code `json:"code,omitempty"`
	Detail string     `json:"detail"`
}

// serveAdmin answers commands until ctx ends. The caller holds the data directory's
// lock, so a socket that is there was left by a process that is gone.
func serveAdmin(ctx context.Context, group *errgroup.Group, data string, handlers map[string]adminHandler, logger *slog.Logger) error {
	folder := filepath.Join(data, adminFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o700); err != nil { // it may have been there
		return err
	}
	if err := os.Remove(adminPath(data)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", adminPath(data))
	if errors.Is(err, syscall.EINVAL) { // longer than a socket's name may be
		logger.Warn("commands need this process stopped: the data directory's path is too long for a socket", "data", data)
		return nil
	}
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for name, handle := range handlers {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) { answerAdmin(w, r, handle) })
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 4 << 10}
	group.Go(func() error { return closed(server.Serve(listener)) })
	group.Go(func() error {
		<-ctx.Done()
		return errors.Join(drain(server, leaveTime), server.Close())
	})
	return nil
}

func answerAdmin(w http.ResponseWriter, r *http.Request, handle adminHandler) {
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	var answer any
	if err == nil {
		answer, err = handle(r.Context(), request)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		answer = adminRefusal{trace.CodeOf(err), err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer) // who asked may be gone
}

// askRunning gives a command to the process that holds a data directory. running is
// false when there is none, and the command may open the directory itself.
func askRunning(ctx context.Context, data, command string, request, into any) (running bool, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", adminPath(data))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EINVAL) {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("the process that runs on %s: %w", data, err)
	}
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(request)
	if err != nil {
		return true, err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/"+command, bytes.NewReader(body))
	if err != nil {
		return true, err
	}
	response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(post)
	if err != nil {
		return true, fmt.Errorf("the process that runs on %s: %w", data, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return true, json.NewDecoder(response.Body).Decode(into)
	case http.StatusNotFound:
		return true, fmt.Errorf("the process that runs on %s does not do %s", data, command)
	}
	var refusal adminRefusal
	if err := json.NewDecoder(response.Body).Decode(&refusal); err != nil {
		return true, err
	}
	return true, errors.New(refusal.Detail)
}
