package scanner

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// A body is compressed once, hole or no hole: DEFLATE (RFC 1951) lets a stream be
// made of blocks that do not refer to each other, so each piece is compressed on its
// own when the body is made and each filling goes between as a stored block. Only the
// checksum at the end is computed for every request.

// gzipHeader is RFC 1952's, without a name or a time.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// pack compresses one piece into whole blocks that end on a byte.
func pack(piece []byte) ([]byte, error) {
	if len(piece) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(piece); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// appendStored appends text, at most 65,535 bytes, as a stored block.
func appendStored(to []byte, text string) []byte {
	n := uint16(len(text))
	to = append(to, 0)
	to = binary.LittleEndian.AppendUint16(to, n)
	to = binary.LittleEndian.AppendUint16(to, ^n)
	return append(to, text...)
}

// appendPacked appends the finished body as a gzip stream.
func (b *body) appendPacked(to []byte, f *filling) []byte {
	to = append(to, gzipHeader...)
	sum, size := uint32(0), 0
	for i, piece := range b.pieces {
		to = append(to, b.packed[i]...)
		sum = crc32.Update(sum, crc32.IEEETable, piece)
		size += len(piece)
		if i < len(b.holes) {
			text := f[b.holes[i]]
			to = appendStored(to, text)
			var stack [256]byte
			sum = crc32.Update(sum, crc32.IEEETable, append(stack[:0], text...))
			size += len(text)
		}
	}
	to = append(to, 1, 0, 0, 0xff, 0xff) // an empty stored block, marked as the last
	to = binary.LittleEndian.AppendUint32(to, sum)
	return binary.LittleEndian.AppendUint32(to, uint32(size))
}
