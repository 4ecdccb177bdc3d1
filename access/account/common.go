package account

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // the form in which lists of leaked passwords are published; nothing rests on it
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"radagora/content"
	"radagora/fault"
)

// A common knows what many people use: passwords and words of the content, and a
// larger list in a file.
type common struct {
	words  map[string]bool // lower case
	folded map[string]bool // the same as fold returns them, letters alone
	file   *os.File
	n      int64 // entries of file
}

// commonKind is the kind of content with such lists.
const commonKind = "common_passwords"

// openCommon reads the lists.
func openCommon(library *content.Library, file string) (*common, error) {
	c := &common{words: map[string]bool{}, folded: map[string]bool{}}
	if library != nil {
		for _, set := range library.OfKind("", commonKind) {
			t, err := set.Table("passwords")
			if err != nil {
				return nil, err
			}
			for row := range t.All() {
				c.add(strings.ToLower(row.Text("password")))
			}
		}
	}
	if file == "" {
		return c, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("list of common passwords: %w", err)
	}
	if c.n, err = entries(f); err != nil {
		return nil, errors.Join(fmt.Errorf("list of common passwords %s: %w", file, err), f.Close())
	}
	c.file = f
	return c, nil
}

// add takes a password or word in.
func (c *common) add(word string) {
	c.words[word] = true
	if base := letters(fold(word)); len(base) >= 4 {
		c.folded[base] = true
	}
}

// close closes the file.
func (c *common) close() error {
	if c == nil || c.file == nil {
		return nil
	}
	return c.file.Close()
}

// has reports whether password is in a list as it is or in lower case.
func (c *common) has(password string) (bool, error) {
	lower := strings.ToLower(password)
	if c.words[lower] {
		return true, nil
	}
	for _, p := range []string{password, lower} {
		if found, err := c.find(prefix([]byte(p))); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// The file of a larger list: head, then the first eight bytes of the SHA-1 of each
// password, sorted, each once.
const (
	commonHead  = "radagora common passwords 1\n"
	entryBytes  = 8
	mostEntries = 50_000_000
)

// prefix returns what stands in the file for a password.
func prefix(password []byte) uint64 {
	sum := sha1.Sum(password) //nolint:gosec // see the import
	return binary.BigEndian.Uint64(sum[:])
}

// entries returns how many entries a file has.
func entries(f *os.File) (int64, error) {
	head := make([]byte, len(commonHead))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != commonHead {
		return 0, fault.Errorf(fault.Invalid, "not made by radagora account common-passwords")
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size() - int64(len(commonHead))
	if size%entryBytes != 0 {
		return 0, fault.Errorf(fault.Invalid, "cut off: load the list again")
	}
	return size / entryBytes, nil
}

// find looks an entry up by halving.
func (c *common) find(want uint64) (bool, error) {
	low, high := int64(0), c.n
	var b [entryBytes]byte
	for low < high {
		mid := (low + high) / 2
		if _, err := c.file.ReadAt(b[:], int64(len(commonHead))+mid*entryBytes); err != nil {
			return false, fmt.Errorf("list of common passwords: %w", err)
		}
		switch got := binary.BigEndian.Uint64(b[:]); {
		case got == want:
			return true, nil
		case got < want:
			low = mid + 1
		default:
			high = mid
		}
	}
	return false, nil
}

// WriteCommon reads a list of passwords, one to a line, or of their SHA-1 in
// hexadecimal, alone or before a colon and a count, and writes the file that
// Options.Common names. It returns how many different entries there are. Exhausted:
// more than fifty million.
func WriteCommon(list io.Reader, file string) (n int, err error) {
	var all []uint64
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		if line := bytes.TrimRight(lines.Bytes(), "\r"); len(line) > 0 {
			all = append(all, entry(line))
		}
		if len(all) > mostEntries {
			return 0, fault.Errorf(fault.Exhausted, "list of common passwords: more than %d lines: take the most frequent", mostEntries)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fault.Errorf(fault.Invalid, "list of common passwords, line %d: %w", len(all)+1, err)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return len(all), writeEntries(file, all)
}

// entry returns what stands for a line of a list.
func entry(line []byte) uint64 {
	sum, rest := line, []byte(nil)
	if len(line) > 40 && line[40] == ':' {
		sum, rest = line[:40], line[41:]
	}
	if len(sum) == 40 && (len(line) == 40 || digits(rest)) {
		if b, err := hex.DecodeString(string(sum)); err == nil {
			return binary.BigEndian.Uint64(b)
		}
	}
	return prefix(line)
}

// digits reports whether b is a count.
func digits(b []byte) bool { return len(b) > 0 && len(bytes.Trim(b, "0123456789 ")) == 0 }

// writeEntries writes the file so that it is there whole or as it was.
func writeEntries(file string, all []uint64) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".common-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = w.WriteString(commonHead)
	var b [entryBytes]byte
	for _, e := range all {
		binary.BigEndian.PutUint64(b[:], e)
		if err == nil {
			_, err = w.Write(b[:])
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
