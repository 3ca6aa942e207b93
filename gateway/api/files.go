package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/store"
)

// FileKept is the answer to an upload.
type FileKept struct {
	Hash      string     `json:"hash"` // SHA-256, hex: name it in records
	Size      int64      `json:"size"`
	MediaType string     `json:"mediaType"`
	Received  trace.Time `json:"received"`
}

// receiveFile keeps the body as a file. The media type is what the bytes look like,
// never what the caller says: it is shown to strangers later.
func (a *API) receiveFile(c *gin.Context) (answer, error) {
	kept, err := a.keepBody(c, a.Limits.FileBytes)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, kept}, nil
}

// keepBody keeps a request's body as a file. A web form around it would be kept with
// it, under a hash that nobody else gets from the file.
func (a *API) keepBody(c *gin.Context, limit int64) (FileKept, error) {
	if strings.HasPrefix(c.ContentType(), "multipart/") {
		return FileKept{}, trace.Errorf(trace.CodeMalformed, "the body is a %s form; send the file's bytes themselves, as with curl --data-binary @FILE", c.ContentType())
	}
	return a.Keep(http.MaxBytesReader(c.Writer, c.Request.Body, limit+1), callerOf(c))
}

// Keep stores content for a caller.
func (a *API) Keep(content io.Reader, who Caller) (FileKept, error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(content, head)
	if n == 0 {
		return FileKept{}, trace.Errorf(trace.CodeMissing, "the file is empty")
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return FileKept{}, trace.Errorf(trace.CodeMalformed, "the upload was cut off: %v", err)
	}
	head = head[:n]
	about := store.About{MediaType: http.DetectContentType(head), Uploader: who.Token.Party}
	file, err := a.Store.Files().Receive(io.MultiReader(strings.NewReader(string(head)), content), a.Limits.FileBytes, about)
	if err != nil {
		return FileKept{}, refusedUpload(err)
	}
	return FileKept{Hash: file.Hash.String(), Size: file.Size, MediaType: file.About.MediaType, Received: trace.TimeOf(file.Received)}, nil
}

// refusedUpload tells what the sender did wrong from what went wrong here: a body
// beyond the route's own bound, or one that ended early.
func refusedUpload(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		// The reader lets one byte more pass than a file may have.
		return trace.Errorf(store.CodeFileTooLarge, "the file has more than %d bytes, the most that is taken here", tooLarge.Limit-1)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return trace.Errorf(trace.CodeMalformed, "the upload was cut off before its announced length; send the file again")
	}
	return err
}

// MayRead says whether a caller may have a file's bytes by its hash alone. Hashes of
// readings stand on the chain for every member to see, and readings tell where a driver
// was at every minute: they go to who brought them and to those whose work is to check.
// So do leaf lists, which look alike, and transcripts: the words of people. Papers go to every member, as the lot's page shows
// them; the hash of a sheet is on no record, and who knows it was given it.
func MayRead(who Caller, file store.File) error {
	if file.About.MediaType != mediaBytes && file.About.MediaType != floor.MediaTranscript || file.About.Uploader == who.Token.Party {
		return nil
	}
	switch trace.Role(who.Identity.Role) {
	case trace.RoleScanner, trace.RoleMonitor, trace.RoleReviewer, trace.RoleRegulator, trace.RoleArbitrator:
		return nil
	}
	return trace.Errorf(trace.CodeForbidden, "file %s is another party's data; its summary is on the chain", file.Hash)
}

// mediaBytes is what bytes are that look like nothing a person opens, such as readings.
const mediaBytes = "application/octet-stream"

func (a *API) sendFile(c *gin.Context) {
	hash, err := store.ParseHash(c.Param("hash"))
	if err != nil {
		a.fail(c, trace.Errorf(trace.CodeInvalid, "%q is not a file's hash: 64 lower-case hex digits", c.Param("hash")))
		return
	}
	content, err := a.Store.Files().Open(hash)
	if err != nil {
		a.fail(c, err)
		return
	}
	defer content.Close()
	if err := MayRead(callerOf(c), content.File); err != nil {
		a.fail(c, err)
		return
	}
	c.Header("Content-Type", content.About.MediaType)
	c.Header("Cache-Control", "private, no-cache")
	c.Header("Content-Length", strconv.FormatInt(content.Size, 10))
	c.Header("Content-Disposition", `attachment; filename="`+hash.String()[:16]+`"`)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("ETag", `"`+hash.String()+`"`)
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, content)
}
