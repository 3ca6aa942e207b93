package desk

import (
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"traceledger/chaincode/trace"
)

// Bounds of one form.
const (
	maxFields     = 4_000
	maxFieldBytes = 64 << 10
	maxFiles      = 40
)

// posted is a multipart form: its fields, and its files already kept by content hash.
type posted struct {
	values url.Values
	files  map[string][]keptFile // by field
}

// keptFile is an uploaded file, kept under the hash of its content.
type keptFile struct {
	Name string
	Hash string
}

// readForm reads a multipart form part by part. The session's proof is its first
// field: without it no file is read, let alone kept.
func (d *Desk) readForm(w http.ResponseWriter, r *http.Request, v visit) (posted, error) {
	out := posted{values: url.Values{}, files: map[string][]keptFile{}}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return out, trace.Errorf(trace.CodeMalformed, "the form must be multipart/form-data")
	}
	r.Body = http.MaxBytesReader(w, r.Body, 2*d.API.Limits.FileBytes)
	reader, err := r.MultipartReader()
	if err != nil {
		return out, trace.Errorf(trace.CodeMalformed, "the form cannot be read: %v", err)
	}
	proven := false
	for parts := 0; ; parts++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, cutOff(err)
		}
		if parts >= maxFields {
			return out, trace.Errorf(trace.CodeTooLarge, "the form has more than %d fields", maxFields)
		}
		if err := d.readPart(part, v, &out, &proven); err != nil {
			return out, err
		}
	}
	if !proven {
		return out, trace.Errorf(CodeCSRF, "the form was not made by a page of this session")
	}
	return out, nil
}

func cutOff(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return trace.Errorf(trace.CodeTooLarge, "the files together have more than %d bytes", tooLarge.Limit)
	}
	return trace.Errorf(trace.CodeMalformed, "the upload was cut off: %v", err)
}

func (d *Desk) readPart(part *multipart.Part, v visit, out *posted, proven *bool) error {
	name := part.FormName()
	if part.FileName() == "" {
		// A file field left empty comes as a file without a name.
		if strings.HasPrefix(name, "file:") {
			return nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
		if err != nil {
			return cutOff(err)
		}
		if len(value) > maxFieldBytes {
			return trace.Errorf(trace.CodeTooLarge, "field %q has more than %d bytes", name, maxFieldBytes)
		}
		if name == "csrf" {
			*proven = same(v.csrf, string(value))
		}
		out.values.Add(name, strings.ReplaceAll(string(value), "\r\n", "\n"))
		return nil
	}
	if !*proven {
		return trace.Errorf(CodeCSRF, "the form was not made by a page of this session")
	}
	field := strings.TrimPrefix(name, "file:")
	files := 0
	for _, f := range out.files {
		files += len(f)
	}
	if files >= maxFiles {
		return trace.Errorf(trace.CodeTooLarge, "more than %d files at once", maxFiles)
	}
	kept, err := d.API.Keep(part, v.caller)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return cutOff(err)
		}
		var coded *trace.Error
		if errors.As(err, &coded) {
			return trace.Errorf(coded.Code, "%s: %s", baseName(part.FileName()), coded.Message)
		}
		return err
	}
	out.files[field] = append(out.files[field], keptFile{Name: baseName(part.FileName()), Hash: kept.Hash})
	return nil
}

// baseName is a file's own name; some browsers send the whole path.
func baseName(name string) string { return path.Base(strings.ReplaceAll(name, `\`, "/")) }

func sortedNames(values url.Values) []string { return slices.Sorted(maps.Keys(values)) }
