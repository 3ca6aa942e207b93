// Package http3 stands in for HTTP/3, which gin names and this house does not serve.
package http3

import (
	"errors"
	"net/http"
)

// ListenAndServeQUIC serves nothing.
func ListenAndServeQUIC(_, _, _ string, _ http.Handler) error {
	return errors.New("http3: left out of this program, see omitted/README.md")
}
