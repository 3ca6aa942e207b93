package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Damage to the rows has to be found when the store opens. Tables carry checksums,
// and Open reads them all. The logs (*.log, the writes not yet in tables, and
// MANIFEST-*, the list of tables) carry checksums too, but Pebble takes a record
// that does not fit for the torn end a crash may leave and silently drops it with
// everything after it. Two things close that gap:
//
//   - a store that was closed has a seal: the sizes of all its row files, and the
//     hashes of the logs. Open compares it and breaks it;
//   - in a store that was not closed, a record that does not fit must not be
//     followed by one that proves it had once been whole (checkLog).
//
// What remains unnoticed is damage to the very last synced record of a log after a
// crash, which cannot be told from the torn end.

const sealName = "CLOSED"

// seal records what the row files look like while nobody writes them.
func seal(fs vfs.FS, dir, rows string) error {
	lines, err := describe(fs, rows)
	if err != nil {
		return err
	}
	return writeFile(fs, dir, sealName, strings.NewReader(strings.Join(lines, "")))
}

// unseal compares and removes the seal; without one it checks the logs.
func (s *Store) unseal() error {
	sealed, err := readFile(s.fs, s.path(sealName))
	if isAbsent(err) {
		return s.checkLogs()
	}
	if err != nil {
		return err
	}
	lines, err := describe(s.fs, s.rowsDir())
	if err != nil {
		return damaged(s.dir, fmt.Errorf("rows: %w", err))
	}
	now := strings.Join(lines, "")
	for line := range strings.Lines(string(sealed)) {
		if !strings.Contains(now, line) {
			return damaged(s.dir, fmt.Errorf("rows: a file changed since the store was closed; it was %q", line))
		}
	}
	if err := s.fs.Remove(s.path(sealName)); err != nil {
		return err
	}
	return syncDir(s.fs, s.dir)
}

// describe gives a line for every row file: name, size and, of the logs, the hash.
// Tables are left to their own checksums, since they may be large.
func describe(fs vfs.FS, rows string) ([]string, error) {
	names, err := fs.List(rows)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, name := range names {
		if name == lockName {
			continue
		}
		info, err := fs.Stat(fs.PathJoin(rows, name))
		if err != nil {
			return nil, err
		}
		digest := sha256.New()
		if !strings.HasSuffix(name, ".sst") {
			content, err := readFile(fs, fs.PathJoin(rows, name))
			if err != nil {
				return nil, err
			}
			digest.Write(content)
		}
		lines = append(lines, fmt.Sprintf("%s %d %s\n", name, info.Size(), hex.EncodeToString(digest.Sum(nil))))
	}
	return lines, nil
}

func (s *Store) checkLogs() error {
	names, err := s.fs.List(s.rowsDir())
	if isAbsent(err) {
		return damaged(s.dir, errors.New("its rows are missing"))
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		number, isLog := logNumber(name)
		if !isLog && !strings.HasPrefix(name, "MANIFEST-") {
			continue
		}
		content, err := readFile(s.fs, s.fs.PathJoin(s.rowsDir(), name))
		if err != nil {
			return err
		}
		if at, whole := checkLog(content, number); !whole {
			return damaged(s.dir, fmt.Errorf("rows: %s is damaged at byte %d", name, at))
		}
	}
	return nil
}

func logNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, ".log")
	number, err := strconv.ParseUint(digits, 10, 32)
	return uint32(number), ok && err == nil
}

// Pebble's log format (its package record): blocks of 32 KiB, in them chunks, each a
// header and data and none crossing a block's end.
//
//	checksum u32, length u16, kind u8                         all; kinds 1–4 full, first, middle, last
//	… log number u32                                          kinds 5–8
//	… log number u32, bytes of this log synced before u64     kinds 9–12
//
// All integers are little-endian; the checksum is a masked CRC-32C of what follows
// the length.
const logBlock = 32 << 10

type chunk struct {
	kind   byte
	number uint32 // of the log, kinds 5–12
	synced uint64 // kinds 9–12
	size   int    // header and data
}

// readChunk returns the chunk at offset at, if there is a whole one.
func readChunk(content []byte, at int) (chunk, bool) {
	block := content[at:min(len(content), at-at%logBlock+logBlock)]
	if len(block) < 7 {
		return chunk{}, false
	}
	c := chunk{kind: block[6]}
	header := 7
	switch {
	case c.kind >= 9 && c.kind <= 12:
		header = 19
	case c.kind >= 5 && c.kind <= 8:
		header = 11
	case c.kind == 0 || c.kind > 12:
		return chunk{}, false
	}
	c.size = header + int(binary.LittleEndian.Uint16(block[4:]))
	if c.size > len(block) || binary.LittleEndian.Uint32(block) != chunkChecksum(block[6:c.size]) {
		return chunk{}, false
	}
	if header >= 11 {
		c.number = binary.LittleEndian.Uint32(block[7:])
	}
	if header == 19 {
		c.synced = binary.LittleEndian.Uint64(block[11:])
	}
	return c, true
}

func chunkChecksum(data []byte) uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// checkLog says whether a log is whole up to where a crash may have torn it. number
// is that of a write-ahead log, 0 for a manifest.
//
// After the first chunk that does not fit, the rest is searched for proof that it
// must have been whole: in a write-ahead log, a chunk written when more than that
// had been synced; in a manifest, which is synced after every record, the beginning
// of any further record.
func checkLog(content []byte, number uint32) (at int, whole bool) {
	for at < len(content) {
		if logBlock-at%logBlock < 7 {
			at += logBlock - at%logBlock
			continue
		}
		c, ok := readChunk(content, at)
		if !ok || c.number != number {
			// A block is filled up with zeros where no header fits any more.
			if end := min(len(content), at-at%logBlock+logBlock); end-at < 19 && len(bytes.Trim(content[at:end], "\x00")) == 0 {
				at = end
				continue
			}
			break
		}
		at += c.size
	}
	for later := at + 1; later < len(content); later++ {
		c, ok := readChunk(content, later)
		if !ok {
			continue
		}
		if number == 0 && (c.kind == 1 || c.kind == 2) || number != 0 && c.number == number && c.synced > uint64(at) {
			return at, false
		}
	}
	return at, true
}
