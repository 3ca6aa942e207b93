package main

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"traceledger/gateway/api"
)

// recovered answers a request whose handler panicked. The log gets the place and no
// header of the request: a desk's cookie signs its reader in.
func (n *node) recovered(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause) // how a handler breaks off an answer; the server knows it
		}
		n.logger.Error("a request panicked", "method", c.Request.Method, "route", c.FullPath(), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
		c.Abort()
		if c.Writer.Written() {
			return
		}
		c.Header("Content-Type", "application/problem+json")
		c.JSON(http.StatusInternalServerError, api.Problem{
			Type: "urn:traceledger:problem:" + string(api.CodeInternal), Title: http.StatusText(http.StatusInternalServerError),
			Status: http.StatusInternalServerError, Code: api.CodeInternal,
			Detail: "the server failed; the log has the details. Repeat a write with the same Idempotency-Key: it makes one record",
		})
	}()
	c.Next()
}
