package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// read indexes what s holds: a file, or a data set alone.
func read(s *source, o Options) (*File, error) {
	s.window = o.Window
	f := &File{Meta: empty(), Dataset: empty()}
	if s.at != nil && s.size < 0 {
		return nil, fault.Errorf(fault.Invalid, "a size of %d bytes", s.size)
	}
	if err := f.preamble(s); err != nil {
		return nil, err
	}
	p := &parser{s: s, o: o, x: &index{src: s}, stop: func(t tag.Tag) bool { return t.Group() != 2 }}
	if err := f.readMeta(p); err != nil {
		return f, err
	}
	f.Start = s.offset()
	return f, f.start(s, o)
}

// start determines the transfer syntax and reads the data set.
func (f *File) start(s *source, o Options) error {
	if len(f.Meta.x.entries) == 0 {
		f.warn(WarnNoMeta, clauseFile, s.offset())
	}
	f.TransferSyntax = f.Meta.UID(tag.TransferSyntaxUID)
	if _, known := uid.SyntaxOf(f.TransferSyntax); !known {
		f.TransferSyntax = guess(s)
		f.warn(WarnNoSyntax, clauseSyntax, s.offset())
	}
	return readBody(f, s, o)
}

// warn adds a warning about the file as a whole.
func (f *File) warn(code, clause string, at int64) {
	f.Warnings = append(f.Warnings, Warning{Code: code, Clause: clause, Offset: at})
}

// preamble passes over the preamble and prefix of PS3.10 7.1 if they are there.
func (f *File) preamble(s *source) error {
	b, err := s.peek(132)
	if err != nil && !errors.Is(err, io.EOF) {
		return fault.Errorf(fault.Unavailable, "read preamble: %w", err)
	}
	switch {
	case len(b) == 132 && bytes.Equal(b[128:], []byte("DICM")):
		s.take(132)
		return nil
	case len(b) >= 8 && bytes.Equal(b[:4], []byte("DICM")):
		s.take(4)
	case len(b) < 8:
		return fault.Errorf(fault.Invalid, "no DICOM object: %d bytes are too few", len(b))
	case !plausible(b):
		return fault.Errorf(fault.Invalid, "no DICOM object: neither the prefix DICM nor a data element at its start")
	}
	f.warn(WarnNoPreamble, clauseFile, 0)
	return nil
}

// plausible reports whether a data set could begin with b: a low group, and a
// VR or a length that is not absurd.
func plausible(b []byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		t := readTag(b, order)
		if g := t.Group(); g == 0 || g > 0x0028 || g&1 != 0 {
			continue
		}
		if v := vr.VR(b[4])<<8 | vr.VR(b[5]); v.Known() {
			return true
		}
		if _, known := tag.Lookup(t); known && order.Uint32(b[4:]) < 1<<16 {
			return true
		}
	}
	return false
}

// guess tells how the data set at s seems to be encoded.
func guess(s *source) uid.UID {
	b, _ := s.peek(8)
	if len(b) < 8 {
		return uid.ImplicitVRLittleEndian
	}
	explicit := (vr.VR(b[4])<<8 | vr.VR(b[5])).Known()
	switch {
	case explicit && readTag(b, binary.LittleEndian).Group() > 0xFF && b[0] == 0:
		return uid.ExplicitVRBigEndian
	case explicit:
		return uid.ExplicitVRLittleEndian
	}
	return uid.ImplicitVRLittleEndian
}

// readMeta reads group 2, always explicit VR little endian (PS3.10 7.1).
func (f *File) readMeta(p *parser) error {
	c := coding{}
	if b, err := p.s.peek(8); err == nil && b[0] == 2 && b[1] == 0 && !(vr.VR(b[4])<<8 | vr.VR(b[5])).Known() {
		c.implicit = true
		f.warn(WarnImplicit, clauseFile, p.s.offset())
	}
	from := p.s.offset()
	err := p.run(c)
	f.Warnings = append(f.Warnings, p.warnings...)
	f.Meta = &Dataset{x: p.x, hi: uint32(len(p.x.entries))} //nolint:gosec // bounded by Options.Elements
	if err != nil {
		return err
	}
	if n, ok := f.Meta.Int(tag.FileMetaInformationGroupLength); ok && n+12 != p.s.offset()-from {
		f.warn(WarnMetaLength, clauseFile, from)
	}
	return nil
}

// readBody reads the data set at s in f.TransferSyntax.
func readBody(f *File, s *source, o Options) error {
	syntax, _ := uid.SyntaxOf(f.TransferSyntax)
	x := &index{src: s}
	p := &parser{s: s, o: o, x: x}
	if o.StopAt != 0 {
		p.stop = func(t tag.Tag) bool { return t >= o.StopAt }
	}
	f.Dataset = &Dataset{x: x}
	var cut error
	if syntax.Deflated {
		var err error
		if cut, err = inflate(p); err != nil {
			return err
		}
	}
	c := coding{implicit: syntax.Implicit, big: syntax.BigEndian}
	f.recognise(p, &c)
	x.entries = make([]entry, 0, 128)
	err := p.run(c)
	f.End = p.s.offset()
	p.s.keepLast()
	f.hi = uint32(len(x.entries)) //nolint:gosec // bounded by Options.Elements
	f.Warnings = append(f.Warnings, p.warnings...)
	f.characterSet()
	if c.implicit {
		f.signed()
	}
	if cut != nil {
		err = cut
	}
	if syntax.Deflated {
		return finish(err)
	}
	return err
}

// finish says what an error means for inflated bytes.
func finish(err error) error {
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Errorf(fault.Invalid, "the deflated data are damaged or end too early: %w", err)
	}
	return err
}

// recognise compares how the data set really begins with what was declared, and
// believes the data.
func (f *File) recognise(p *parser, c *coding) {
	b, err := p.s.peek(8)
	if err != nil {
		return
	}
	group := readTag(b, c.order()).Group()
	if swapped := group>>8 | group<<8; group > 0xFF && swapped <= 0xFF && group&0xFF == 0 {
		c.big = !c.big
		f.warn(WarnByteOrder, clauseSyntax, p.s.offset())
	}
	explicit := (vr.VR(b[4])<<8 | vr.VR(b[5])).Known()
	switch {
	case c.implicit && explicit && c.order().Uint32(b[4:]) > 0xFFFF:
		c.implicit = false
		f.warn(WarnExplicit, clauseSyntax, p.s.offset())
	case !c.implicit && !explicit && (!upper(b[4]) || !upper(b[5])):
		c.implicit = true
		f.warn(WarnImplicit, clauseSyntax, p.s.offset())
	default:
		return
	}
	f.TransferSyntax = syntaxOf(*c, f.TransferSyntax)
}

// syntaxOf returns the transfer syntax of coding c, or declared if that says
// more than c does.
func syntaxOf(c coding, declared uid.UID) uid.UID {
	if s, ok := uid.SyntaxOf(declared); ok && (s.Encapsulated || s.Deflated) {
		return declared
	}
	switch {
	case c.implicit:
		return uid.ImplicitVRLittleEndian
	case c.big:
		return uid.ExplicitVRBigEndian
	}
	return uid.ExplicitVRLittleEndian
}

// inflate puts the inflated data set in the place of what p reads. cut is an
// error at the end of what could be inflated and spooled.
func inflate(p *parser) (cut, err error) {
	in := &bounded{r: flate.NewReader(p.s.rest()), left: p.o.Inflated}
	p.s = &source{r: in, size: -1, window: p.o.Window}
	p.x.src, p.x.deflate = p.s, true
	if p.o.Spool == nil {
		return nil, nil
	}
	spool, err := p.o.Spool()
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "spool for inflated data: %w", err)
	}
	n, cut := io.Copy(spool, in)
	p.s = &source{at: spool, size: n, window: p.o.Window}
	p.x.src = p.s
	return cut, nil
}

// bounded reads from r and fails after left bytes.
type bounded struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fault.Errorf(fault.Exhausted, "the data set inflates to more than is allowed")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// characterSet sets the character set that the data set declares.
func (f *File) characterSet() {
	set, problems := f.ownSet()
	f.set = set
	for range problems {
		f.Warnings = append(f.Warnings, Warning{
			Path: tag.SpecificCharacterSet.String(), Code: WarnCharacterSet, Clause: clauseSpecificSet,
		})
	}
}

// signed corrects what the dictionary could not know in implicit VR: elements
// that are US or SS are SS where the pixels are signed (PS3.5 Annex A.1).
func (f *File) signed() {
	if n, ok := f.Int(tag.PixelRepresentation); !ok || n != 1 {
		return
	}
	for i := range f.x.entries {
		e := &f.x.entries[i]
		if e.vr != vr.US {
			continue
		}
		if known, _ := tag.Lookup(e.tag); known.Or[0] == vr.SS {
			e.vr = vr.SS
		}
	}
}
