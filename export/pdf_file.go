package export

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// A pdfFile gathers the objects of a file (ISO 32000-1 7.5).
type pdfFile struct {
	objects [][]byte // the first is object 1
}

// reserve returns the number of an object that comes later.
func (f *pdfFile) reserve() int {
	f.objects = append(f.objects, nil)
	return len(f.objects)
}

// set gives an object its text.
func (f *pdfFile) set(n int, text string) { f.objects[n-1] = []byte(text) }

// stream gives an object a stream, compressed.
func (f *pdfFile) stream(n int, text string) error {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	f.objects[n-1] = fmt.Appendf(nil, "<</Length %d /Filter /FlateDecode>>\nstream\n%s\nendstream", b.Len(), b.Bytes())
	return nil
}

// write writes the file with its table of contents.
func (f *pdfFile) write(w io.Writer, catalogue, info int) error {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	starts := make([]int, len(f.objects))
	for i, o := range f.objects {
		starts[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(f.objects)+1)
	for _, at := range starts {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d /Root %d 0 R /Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(f.objects)+1, catalogue, info, table)
	_, err := w.Write(b.Bytes())
	return err
}

// unicode writes a text outside pages: UTF-16 with its mark, in hex.
func unicode(s string) string {
	raw := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(s)) {
		raw = append(raw, byte(u>>8), byte(u)) //nolint:gosec // the two bytes of it
	}
	return "<" + hex.EncodeToString(raw) + ">"
}

// write writes what was laid out.
func (p *printer) write(w io.Writer) error {
	f := &pdfFile{}
	catalogue, info, tree, structure, parents, regular, bold, meta := f.reserve(), f.reserve(), f.reserve(), f.reserve(), f.reserve(), f.reserve(), f.reserve(), f.reserve()
	numbers := map[*element]int{}
	var number func(e *element)
	number = func(e *element) {
		if e.text {
			return
		}
		numbers[e] = f.reserve()
		for _, k := range e.kids {
			number(k)
		}
	}
	number(&p.root)
	pages := make([]int, len(p.pages))
	for i := range p.pages {
		p.foot(i)
		pages[i] = f.reserve()
	}
	for i, page := range p.pages {
		content := f.reserve()
		if err := f.stream(content, page.out.String()); err != nil {
			return err
		}
		f.set(pages[i], fmt.Sprintf("<</Type /Page /Parent %d 0 R /MediaBox [0 0 %s %s] /Resources <</Font <</F1 %d 0 R /F2 %d 0 R>>>> /Contents %d 0 R /StructParents %d /Tabs /S>>",
			tree, points(pageWidth), points(pageHeight), regular, bold, content, i))
	}
	p.structure(f, numbers, pages, structure)
	var index strings.Builder
	for i, page := range p.pages {
		fmt.Fprintf(&index, "%d [", i)
		for _, e := range page.marks {
			fmt.Fprintf(&index, "%d 0 R ", numbers[e])
		}
		index.WriteString("]\n")
	}
	f.set(parents, "<</Nums [\n"+index.String()+"]>>")
	f.set(structure, fmt.Sprintf("<</Type /StructTreeRoot /K %d 0 R /ParentTree %d 0 R /ParentTreeNextKey %d>>", numbers[&p.root], parents, len(p.pages)))
	f.set(tree, fmt.Sprintf("<</Type /Pages /Kids [%s] /Count %d>>", references(pages), len(pages)))
	for n, name := range map[int]string{regular: "Helvetica", bold: "Helvetica-Bold"} {
		f.set(n, "<</Type /Font /Subtype /Type1 /BaseFont /"+name+" /Encoding /WinAnsiEncoding>>")
	}
	made := p.doc.Made.UTC().Format("D:20060102150405Z")
	f.set(info, fmt.Sprintf("<</Title %s /Producer %s /CreationDate (%s)>>", unicode(p.doc.Title), unicode(p.doc.Producer), made))
	f.set(meta, metadata(p.doc))
	f.set(catalogue, fmt.Sprintf("<</Type /Catalog /Pages %d 0 R /StructTreeRoot %d 0 R /MarkInfo <</Marked true>> /Lang %s /Metadata %d 0 R /ViewerPreferences <</DisplayDocTitle true>>>>",
		tree, structure, unicode(p.doc.Language), meta))
	return f.write(w, catalogue, info)
}

// structure writes the elements.
func (p *printer) structure(f *pdfFile, numbers map[*element]int, pages []int, root int) {
	var put func(e *element, parent int)
	put = func(e *element, parent int) {
		var kids strings.Builder
		for _, k := range e.kids {
			if k.text {
				fmt.Fprintf(&kids, "<</Type /MCR /Pg %d 0 R /MCID %d>> ", pages[k.page], k.mark)
				continue
			}
			fmt.Fprintf(&kids, "%d 0 R ", numbers[k])
			put(k, numbers[e])
		}
		scope := ""
		if e.scope != "" {
			scope = " /A <</O /Table /Scope /" + e.scope + ">>"
		}
		f.set(numbers[e], fmt.Sprintf("<</Type /StructElem /S /%s /P %d 0 R /K [%s]%s>>", e.kind, parent, kids.String(), scope))
	}
	put(&p.root, root)
}

// references lists objects.
func references(all []int) string {
	var b strings.Builder
	for _, n := range all {
		fmt.Fprintf(&b, "%d 0 R ", n)
	}
	return b.String()
}

// metadata is what the file says of itself in XMP (ISO 32000-1 14.3.2).
func metadata(d *Document) string {
	esc := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	text := `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">` +
		esc(d.Title) + `</rdf:li></rdf:Alt></dc:title><pdf:Producer>` + esc(d.Producer) + `</pdf:Producer></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>`
	return fmt.Sprintf("<</Type /Metadata /Subtype /XML /Length %d>>\nstream\n%s\nendstream", len(text), text)
}
