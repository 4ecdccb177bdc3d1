package pixel

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	stdjpeg "image/jpeg"
	"image/png"
	"io"

	"radagora/fault"
)

// EncodeJPEG writes m as a JPEG picture, of quality 1 to 100; 0 is 90.
func EncodeJPEG(w io.Writer, m image.Image, quality int) error {
	if quality <= 0 {
		quality = 90
	}
	if s := m.Bounds().Size(); s.X > 65535 || s.Y > 65535 {
		return fault.Errorf(fault.Unsupported, "JPEG of %d by %d", s.X, s.Y)
	}
	return stdjpeg.Encode(w, m, &stdjpeg.Options{Quality: min(quality, 100)})
}

// EncodePNG writes m, which Render made, as a PNG picture. It is made for speed:
// each row is coded as its difference from the one above.
func EncodePNG(w io.Writer, m image.Image) error {
	switch m := m.(type) {
	case *image.Gray:
		return writePNG(w, m.Rect.Size(), 0, 1, func(y int, row []byte) {
			copy(row, m.Pix[y*m.Stride:])
		})
	case *image.RGBA:
		return writePNG(w, m.Rect.Size(), 2, 3, func(y int, row []byte) {
			in := m.Pix[y*m.Stride:]
			for k, at := 0, 0; k+3 <= len(row); k, at = k+3, at+4 {
				row[k], row[k+1], row[k+2] = in[at], in[at+1], in[at+2]
			}
		})
	}
	return png.Encode(w, m)
}

// writePNG writes the picture whose rows load gives, of a colour type with so
// many samples of 8 bits (ISO/IEC 15948).
func writePNG(w io.Writer, size image.Point, colour byte, samples int, load func(y int, row []byte)) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(size.X)) //nolint:gosec // fit has bounded it
	head = binary.BigEndian.AppendUint32(head, uint32(size.Y)) //nolint:gosec // fit has bounded it
	head = append(head, 8, colour, 0, 0, 0)
	var data bytes.Buffer
	z, err := zlib.NewWriterLevel(&data, zlib.BestSpeed)
	if err != nil {
		return err
	}
	n := size.X * samples
	above, row, out := make([]byte, n), make([]byte, n), make([]byte, n+1)
	out[0] = 2 // filter type Up
	for y := range size.Y {
		load(y, row)
		for x, v := range row {
			out[x+1] = v - above[x]
		}
		if _, err := z.Write(out); err != nil {
			return err
		}
		above, row = row, above
	}
	if err := z.Close(); err != nil {
		return err
	}
	file := chunk([]byte("\x89PNG\r\n\x1a\n"), "IHDR", head)
	file = chunk(file, "IDAT", data.Bytes())
	_, err = w.Write(chunk(file, "IEND", nil))
	return err
}

// chunk appends one chunk.
func chunk(b []byte, name string, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(data))) //nolint:gosec // less than MaxFrame
	from := len(b)
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
}
