package scanner

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// answers holds the header values that every answer shares – http.Header keeps
// slices, and these are never changed – and the buffers answers are written from.
type answers struct {
	noSniff, noReferrer, vary, noStore, revalidate, anyOrigin, exposeLink, gzip, dayLong, policy []string
	types                                                                                        map[format][]string
	buffers                                                                                      sync.Pool
}

func newAnswers(policy string) *answers {
	return &answers{
		noSniff: []string{"nosniff"}, noReferrer: []string{"no-referrer"}, vary: []string{"Accept, Accept-Encoding"},
		noStore: []string{"no-store"},
		// Counts differ from scan to scan: a client asks again, and the entity tag tells.
		revalidate: []string{"private, no-cache"},
		// The data are public: programs of other sites may read them.
		anyOrigin: []string{"*"}, exposeLink: []string{"Link"},
		gzip: []string{"gzip"}, dayLong: []string{"public, max-age=86400"}, policy: []string{policy},
		types:   map[format][]string{formatHTML: {typeHTML}, formatJSON: {typeJSON}, formatLinkset: {typeLinkset}},
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// send fills a body's holes and writes it; a client that has these very bytes gets
// 304 instead.
func (s *Scanner) send(c *gin.Context, f format, path string, b *body, fill *filling) {
	h := c.Writer.Header()
	tag := b.entityTag(fill)
	h["Content-Type"] = s.answers.types[f]
	h["Cache-Control"] = s.answers.revalidate
	h["Etag"] = []string{tag}
	h["Link"] = []string{linkHeader(s.base, path)}
	if f != formatHTML {
		h["Access-Control-Allow-Origin"] = s.answers.anyOrigin
		h["Access-Control-Expose-Headers"] = s.answers.exposeLink
	}
	if matches(c.Request.Header.Get("If-None-Match"), tag) {
		c.Writer.WriteHeader(http.StatusNotModified)
		return
	}
	buffer := s.answers.buffers.Get().(*[]byte)
	defer s.answers.buffers.Put(buffer)
	if acceptsGzip(c.Request) {
		h["Content-Encoding"] = s.answers.gzip
		*buffer = b.appendPacked((*buffer)[:0], fill)
	} else {
		*buffer = b.append((*buffer)[:0], fill)
	}
	s.write(c, http.StatusOK, *buffer)
}

func (s *Scanner) write(c *gin.Context, status int, content []byte) {
	c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(len(content))}
	c.Writer.WriteHeader(status)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	if _, err := c.Writer.Write(content); err != nil {
		s.log.Debug("answer not delivered", "error", err)
	}
}

// matches compares an entity tag with an If-None-Match header, weakly (RFC 9110,
// 13.1.2).
func matches(header, tag string) bool {
	for header != "" {
		var one string
		one, header, _ = strings.Cut(header, ",")
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding; a q of zero refuses.
func acceptsGzip(r *http.Request) bool {
	header := r.Header.Get("Accept-Encoding")
	for header != "" {
		var part string
		part, header, _ = strings.Cut(header, ",")
		coding, parameters, _ := strings.Cut(part, ";")
		if strings.TrimSpace(coding) == "gzip" {
			return quality(parameters) > 0
		}
	}
	return false
}
