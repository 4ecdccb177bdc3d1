package main

import (
	"bytes"
	"context"
	"errors"
	stdimage "image"
	"image/gif"
	"io"

	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/pixel"
	"radagora/dicom/uid"
	"radagora/fault"
)

// pixels gives the pixels of stored objects in other transfer syntaxes, and as
// pictures.
type pixels struct{ *house }

// Can implements dicomweb.Transcoder.
func (pixels) Can(from, to uid.UID) bool { return pixel.CanTranscode(from, to) }

// read opens an object for as long as fn works with it.
func (p pixels) read(o dicomweb.Object, fn func(*dicom.File) error) (err error) {
	var spools []io.Closer
	defer func() {
		for _, s := range spools {
			err = errors.Join(err, s.Close())
		}
	}()
	f, err := dicom.Open(o, o.Size(), &dicom.Options{Spool: func() (dicom.Spool, error) {
		s, err := p.spool()
		if err == nil {
			spools = append(spools, s)
		}
		return s, err
	}})
	if err != nil {
		return err
	}
	return fn(f)
}

// Transcode implements dicomweb.Transcoder.
func (p pixels) Transcode(ctx context.Context, w io.Writer, i dicomweb.Instance, o dicomweb.Object, to uid.UID) error {
	return p.read(o, func(f *dicom.File) error {
		r, err := pixel.Transcode(ctx, f, to)
		if err != nil {
			return err
		}
		err = dicom.WriteMeta(w, dicom.Meta{SOPClass: i.SOPClass, SOPInstance: i.SOP, TransferSyntax: to})
		if err == nil {
			_, err = io.Copy(w, r)
		}
		return errors.Join(err, r.Close())
	})
}

// Frame implements dicomweb.Transcoder. Samples lie as the metadata say.
func (p pixels) Frame(_ context.Context, _ dicomweb.Instance, o dicomweb.Object, n int, stored []byte, to uid.UID) (out []byte, err error) {
	err = p.read(o, func(f *dicom.File) error {
		fs, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
		if err != nil {
			return err
		}
		syntax, _ := uid.SyntaxOf(to)
		stands, _ := uid.SyntaxOf(f.TransferSyntax)
		if !syntax.Encapsulated && !stands.Encapsulated {
			out, err = fs.Bytes(n - 1)
			return err
		}
		frame, err := pixel.Decode(fs.Info, stored)
		if err != nil {
			return err
		}
		if syntax.Encapsulated {
			out, err = pixel.Encode(frame, to)
			return err
		}
		out = laid(frame, fs.Info)
		return nil
	})
	return out, err
}

// laid returns the samples of a frame as the data set says that they lie: colours by
// plane where it says so, single bits in bytes.
func laid(f *pixel.Frame, as pixel.Info) []byte {
	switch n := f.SamplesPerPixel; {
	case as.BitsAllocated == 1 && f.BitsAllocated != 1:
		packed := make([]byte, (len(f.Data)+7)/8)
		for k, v := range f.Data {
			if v != 0 {
				packed[k/8] |= 1 << (k % 8)
			}
		}
		return packed
	case as.PlanarConfiguration == 1 && n > 1:
		size := max(1, f.BitsAllocated/8)
		count := len(f.Data) / (n * size)
		planes := make([]byte, 0, len(f.Data))
		for s := range n {
			for k := range count {
				from := (k*n + s) * size
				planes = append(planes, f.Data[from:from+size]...)
			}
		}
		return planes
	}
	return f.Data
}

// Types implements dicomweb.Renderer.
func (pixels) Types() []string { return []string{"image/jpeg", "image/png", "image/gif"} }

// Render implements dicomweb.Renderer.
func (p pixels) Render(ctx context.Context, w io.Writer, _ dicomweb.Instance, o dicomweb.Object, frame int, r dicomweb.Rendering) error {
	return p.read(o, func(f *dicom.File) error {
		fs, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
		if err != nil && (fault.Of(err) == fault.NotFound || fault.Of(err) == fault.Invalid) {
			return fault.Errorf(fault.Unsupported, "there are no pixels in this object that could be shown: %w", err)
		}
		if err != nil {
			return err
		}
		decoded, err := fs.Frame(frame - 1)
		if err != nil {
			return err
		}
		picture, err := pixel.Render(decoded, options(f.Dataset, decoded, frame, r))
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return encode(w, flipped(picture, r.Viewport), r)
	})
}

// options returns a rendering in the words of package pixel.
func options(ds *dicom.Dataset, f *pixel.Frame, frame int, r dicomweb.Rendering) pixel.Options {
	v := r.Viewport
	o := pixel.Options{Dataset: ds, Frame: frame - 1, Width: v.Width, Height: v.Height}
	if r.Window != nil {
		o.Window = &pixel.Window{Center: r.Window.Center, Width: r.Window.Width, Function: pixel.Function(r.Window.Function)}
	}
	x, y, columns, rows := v.X, v.Y, max(v.Columns, -v.Columns), max(v.Rows, -v.Rows)
	if v.Fraction {
		x, columns = x*float64(f.Columns), columns*float64(f.Columns)
		y, rows = y*float64(f.Rows), rows*float64(f.Rows)
	}
	if x != 0 || y != 0 || columns != 0 || rows != 0 {
		right, bottom := float64(f.Columns), float64(f.Rows)
		if columns != 0 {
			right = min(right, x+max(columns, 1))
		}
		if rows != 0 {
			bottom = min(bottom, y+max(rows, 1))
		}
		o.Region = stdimage.Rect(int(min(x, right-1)), int(min(y, bottom-1)), int(right), int(bottom))
	}
	return o
}

// flipped mirrors a picture whose viewport has a side below zero (PS3.18 8.3.5.1.3).
func flipped(m stdimage.Image, v dicomweb.Viewport) stdimage.Image {
	if v.Columns >= 0 && v.Rows >= 0 {
		return m
	}
	var pix []byte
	var stride, size int
	switch p := m.(type) {
	case *stdimage.Gray:
		pix, stride, size = p.Pix, p.Stride, 1
	case *stdimage.RGBA:
		pix, stride, size = p.Pix, p.Stride, 4
	default:
		return m
	}
	wide, high := m.Bounds().Dx(), m.Bounds().Dy()
	swap := func(a, b int) {
		for k := range size {
			pix[a+k], pix[b+k] = pix[b+k], pix[a+k]
		}
	}
	for y := range high {
		for x := range wide / 2 {
			if v.Columns < 0 {
				swap(y*stride+x*size, y*stride+(wide-1-x)*size)
			}
		}
	}
	for y := range high / 2 {
		for x := range wide {
			if v.Rows < 0 {
				swap(y*stride+x*size, (high-1-y)*stride+x*size)
			}
		}
	}
	return m
}

// encode writes a picture.
func encode(w io.Writer, m stdimage.Image, r dicomweb.Rendering) error {
	switch r.MediaType {
	case "image/png":
		return pixel.EncodePNG(w, m)
	case "image/gif":
		return gif.Encode(w, m, nil)
	}
	return pixel.EncodeJPEG(w, m, r.Quality)
}

// frames finds the frames of an object in its header: for those of which the archive
// has no index.
func (p pixels) frames(ctx context.Context, s stored, i dicomweb.Instance) (dicomweb.Frames, error) {
	o, err := s.Open(ctx, i)
	if err != nil {
		return nil, err
	}
	var of *pixel.Frames
	err = p.read(o, func(f *dicom.File) (err error) {
		of, err = pixel.FramesOf(f.Dataset, f.TransferSyntax)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return headerFrames{of, o}, nil
}

// headerFrames are the frames of an object that is open.
type headerFrames struct {
	*pixel.Frames
	o io.Closer
}

func (f headerFrames) N() int       { return f.Len() }
func (f headerFrames) Close() error { return f.o.Close() }

// Open implements dicomweb.Frames.
func (f headerFrames) Open(_ context.Context, n int) (io.ReadCloser, int64, error) {
	b, err := f.Bytes(n - 1)
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), err
}
