package scanner

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
)

// picture answers the QR code of an address. It encodes the public address of the
// page whatever the host of the request says, and looks nothing up.
func (s *Scanner) picture(c *gin.Context, a address) {
	draw, contentType := qrPNG, typePNG
	if a.resource == resourceSVG {
		draw, contentType = qrSVG, typeSVG
	}
	content, err := draw(s.base + a.path())
	if err != nil {
		s.failed(c, err)
		return
	}
	h := c.Writer.Header()
	h["Content-Type"] = []string{contentType}
	h["Cache-Control"] = s.answers.dayLong
	s.write(c, http.StatusOK, content)
}

// proof answers the inclusion proof by which anyone checks, against the pack's root
// on the chain, that a code was issued.
func (s *Scanner) proof(c *gin.Context, a address) {
	version := s.index.Version(a.lot)
	if version == 0 {
		s.refuse(c, problemUnknown("lot "+a.lot.String()))
		return
	}
	o, err := s.outline(a.lot, version)
	if err != nil {
		s.failed(c, err)
		return
	}
	pack, checked := s.findPack(o, a)
	if pack == nil {
		s.refuse(c, problemAltered())
		return
	}
	if !checked {
		s.refuse(c, problemFile(unavailable(pack)))
		return
	}
	proof, err := s.library.prove(pack, a.item)
	if err != nil {
		s.failed(c, err)
		return
	}
	content, err := json.Marshal(struct {
		Pack   string `json:"pack"`
		Serial string `json:"serial"`
		Tree   string `json:"tree"`
		Proof  any    `json:"proof"`
	}{string(pack.id), string(a.serial), "RFC 6962, SHA-256; leaf content: pack, then serial, ASCII", proof})
	if err != nil {
		s.failed(c, err)
		return
	}
	s.sendJSON(c, typeJSON, content)
}

// file answers a paper that the lot's page links to. Its bytes are compared with
// their hash before any is sent.
func (s *Scanner) file(c *gin.Context, a address) {
	version := s.index.Version(a.lot)
	if version == 0 {
		s.refuse(c, problemUnknown("lot "+a.lot.String()))
		return
	}
	o, err := s.outline(a.lot, version)
	if err != nil {
		s.failed(c, err)
		return
	}
	if !o.files[a.file] {
		s.refuse(c, problemFile(notOfLot(a)))
		return
	}
	content, err := s.files.Open(store.Hash(a.file))
	if err != nil {
		s.refuse(c, problemFile(err))
		return
	}
	defer func() {
		if err := content.Close(); err != nil {
			s.log.Warn("closing a file", "error", err)
		}
	}()
	contentType, err := sniff(content)
	if err != nil {
		s.failed(c, err)
		return
	}
	h := c.Writer.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Disposition"] = []string{`inline; filename="` + a.file.String()[:16] + extension(contentType) + `"`}
	if contentType == "application/octet-stream" {
		h["Content-Disposition"] = []string{"attachment"}
	}
	h["Content-Security-Policy"] = []string{"default-src 'none'; style-src 'unsafe-inline'; sandbox"}
	h["Etag"] = []string{`"` + a.file.String() + `"`}
	h["Cache-Control"] = s.answers.dayLong
	http.ServeContent(c.Writer, c.Request, "", content.Received, content)
}

// sniff finds out what a file is from its bytes – what its uploader said is not
// trusted – and lets a browser show pictures and PDF only.
func sniff(content io.ReadSeeker) (string, error) {
	var head [512]byte
	n, err := io.ReadFull(content, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	switch found := http.DetectContentType(head[:n]); {
	case found == "application/pdf", found == "image/png", found == "image/jpeg", found == "image/webp":
		return found, nil
	case strings.HasPrefix(found, "text/plain") && !bytes.ContainsRune(head[:n], '<'):
		return found, nil
	}
	return "application/octet-stream", nil
}

func extension(contentType string) string {
	switch contentType {
	case "application/pdf":
		return ".pdf"
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "image/webp":
		return ".webp"
	}
	return ".txt"
}

func (s *Scanner) sendLinkset(c *gin.Context, path string) {
	s.metrics.uncounted.Inc()
	content, err := linkset(s.base, path)
	if err != nil {
		s.failed(c, err)
		return
	}
	c.Writer.Header()["Link"] = []string{linkHeader(s.base, path)}
	s.sendJSON(c, typeLinkset, content)
}

// resolver answers /.well-known/gs1resolver.
func (s *Scanner) resolver(c *gin.Context) {
	content, err := resolverDescription(s.base)
	if err != nil {
		s.failed(c, err)
		return
	}
	s.sendJSON(c, typeJSON, content)
}

func (s *Scanner) sendJSON(c *gin.Context, contentType string, content []byte) {
	h := c.Writer.Header()
	h["Content-Type"] = []string{contentType}
	h["Cache-Control"] = s.answers.revalidate
	h["Access-Control-Allow-Origin"] = s.answers.anyOrigin
	h["Access-Control-Expose-Headers"] = s.answers.exposeLink
	s.write(c, http.StatusOK, content)
}

func unavailable(p *packOutline) error {
	return trace.Errorf(CodeUnavailable, "the leaf file %s of pack %s is not kept here", p.leafFile, p.id)
}

func notOfLot(a address) error {
	return trace.Errorf(store.CodeFileUnknown, "no record of lot %s shows a file %s", a.lot, a.file)
}
