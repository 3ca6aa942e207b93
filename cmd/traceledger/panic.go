package main

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"traceledger/gateway/api"
)

// recovered answers a request whose handler panicked: a desk's with a page, as people
// read it, any other as programs do. The log gets the place and no header of the request:
// a desk's cookie signs its reader in.
func (n *node) recovered(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause) // how a handler breaks off an answer; the server knows it
		}
		failed := api.Failure(n.logger, "a request panicked", "method", c.Request.Method, "route", c.FullPath(), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
		c.Abort()
		if c.Writer.Written() {
			panic(http.ErrAbortHandler) // cut short, the answer would look whole
		}
		for _, header := range []string{"Content-Disposition", "Content-Encoding", "Content-Length"} { // of what was to be sent
			c.Writer.Header().Del(header)
		}
		if below(c.Request.URL.Path, "/desk") {
			n.desks.Failed(c.Writer, c.Request, failed)
			return
		}
		n.api.Failed(c, failed)
	}()
	c.Next()
}
