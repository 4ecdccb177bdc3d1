// Package rle packs and unpacks frames of DICOM's run length encoding (PS3.5 Annex G).
package rle

import (
	"encoding/binary"

	"radagora/fault"
)

// maxSegments is how many segments the header has room for (PS3.5 G.5).
const maxSegments = 15

// Decode unpacks one frame of pixels pixels with so many samples, each of cell
// bytes, into samples side by side, little endian. Segments hold one byte of
// each pixel's samples, most significant first (PS3.5 G.2). Memory is asked for
// only if the packed bytes could make that much. Errors are Invalid.
func Decode(b []byte, pixels, samples, cell int) ([]byte, error) {
	starts, err := header(b)
	if err != nil {
		return nil, err
	}
	n := samples * cell
	if len(starts) != n {
		return nil, fault.Errorf(fault.Invalid, "RLE: %d segments for %d bytes a pixel", len(starts), n)
	}
	if pixels*n > 64*len(b) { // two bytes make 128 at most
		return nil, fault.Errorf(fault.Invalid, "RLE: %d bytes cannot make %d", len(b), pixels*n)
	}
	out := make([]byte, pixels*n)
	for s, start := range starts {
		end := len(b)
		if s+1 < len(starts) {
			end = starts[s+1]
		}
		sample, significance := s/cell, s%cell
		at := sample*cell + cell - 1 - significance
		if got := unpack(out[at:], b[start:end], n, pixels); got < pixels {
			return nil, fault.Errorf(fault.Invalid, "RLE: segment %d ends after %d of %d pixels", s+1, got, pixels)
		}
	}
	return out, nil
}

// header returns where the segments begin.
func header(b []byte) ([]int, error) {
	if len(b) < 64 {
		return nil, fault.Errorf(fault.Invalid, "RLE: %d bytes are no header", len(b))
	}
	n := binary.LittleEndian.Uint32(b)
	if n < 1 || n > maxSegments {
		return nil, fault.Errorf(fault.Invalid, "RLE: %d segments", n)
	}
	starts, last := make([]int, n), int64(64)
	for k := range starts {
		at := int64(binary.LittleEndian.Uint32(b[4+4*k:]))
		if at < last || at > int64(len(b)) {
			return nil, fault.Errorf(fault.Invalid, "RLE: segment %d begins at byte %d of %d", k+1, at, len(b))
		}
		starts[k], last = int(at), at
	}
	return starts, nil
}

// unpack writes what the PackBits segment b holds to every step-th byte of out,
// at most n of them, and returns how many there were.
func unpack(out, b []byte, step, n int) int {
	at, done := 0, 0
	for len(b) > 0 && done < n {
		c := int(b[0])
		b = b[1:]
		switch {
		case c < 128:
			k := min(c+1, len(b), n-done)
			for _, v := range b[:k] {
				out[at] = v
				at += step
			}
			done += k
			b = b[min(c+1, len(b)):]
		case c > 128 && len(b) > 0:
			v := b[0]
			b = b[1:]
			k := min(257-c, n-done)
			for range k {
				out[at] = v
				at += step
			}
			done += k
		}
	}
	return done
}

// Encode packs a frame of samples side by side, little endian. Each row is
// packed by itself (PS3.5 G.3.1). Errors are Unsupported: pixels of more than 15
// bytes.
func Encode(b []byte, columns, samples, cell int) ([]byte, error) {
	n := samples * cell
	if n > maxSegments || n == 0 || columns == 0 {
		return nil, fault.Errorf(fault.Unsupported, "RLE: %d bytes a pixel", n)
	}
	out := make([]byte, 64, 64+len(b)/2)
	binary.LittleEndian.PutUint32(out, uint32(n)) //nolint:gosec // at most 15
	row := make([]byte, columns)
	for s := range n {
		if uint64(len(out)) > 0xFFFFFFFF {
			return nil, fault.Errorf(fault.Unsupported, "RLE: a frame of more than 4 GB")
		}
		binary.LittleEndian.PutUint32(out[4+4*s:], uint32(len(out))) //nolint:gosec // checked
		at := s/cell*cell + cell - 1 - s%cell
		for at < len(b) {
			k := 0
			for ; k < columns && at < len(b); k++ {
				row[k] = b[at]
				at += n
			}
			out = pack(out, row[:k])
		}
		if len(out)&1 != 0 {
			out = append(out, 0)
		}
	}
	return out, nil
}

// pack appends row: runs of three and more, or of two where no literal is open.
func pack(out, row []byte) []byte {
	for k := 0; k < len(row); {
		run := runAt(row, k)
		if run >= 2 {
			out = append(out, byte(257-run), row[k]) //nolint:gosec // 2 to 128
			k += run
			continue
		}
		from := k
		for k < len(row) && k-from < 128 && runAt(row, k) < 3 {
			k++
		}
		out = append(out, byte(k-from-1)) //nolint:gosec // 1 to 128
		out = append(out, row[from:k]...)
	}
	return out
}

// runAt returns how many bytes from k on are equal, at most 128.
func runAt(row []byte, k int) int {
	n := 1
	for n < 128 && k+n < len(row) && row[k+n] == row[k] {
		n++
	}
	return n
}
