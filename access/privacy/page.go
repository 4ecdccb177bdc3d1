package privacy

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"slices"
	"strings"

	"radagora/access"
)

// The look of index.html: it stands alone and loads nothing.
const pageStyle = `body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1b1b}
h1,h2{line-height:1.2}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem;border-bottom:1px solid #ddd}
th{width:16rem;font-weight:600}article{margin:1rem 0 2rem}code,td{overflow-wrap:anywhere}@media print{body{margin:0}}`

// page writes index.html: what is held, then every record as a table.
func (c *copier) page(ctx context.Context, w io.Writer) error {
	say := func(key string) string {
		if c.o.Say == nil {
			return key
		}
		return c.o.Say(key)
	}
	p := &page{w: w}
	p.raw(`<!doctype html><html lang="`, esc(c.o.Language), `"><meta charset="utf-8"><title>`, esc(say("title")), `</title><style>`, pageStyle, `</style>`)
	p.raw(`<h1>`, esc(say("title")), `</h1><p>`, esc(say("note")), `</p><table>`)
	p.row(say("made"), c.index.Made.Format("2006-01-02 15:04 MST"))
	p.row(say("site"), c.p.Site)
	p.raw(`</table><h2>`, esc(say("files")), `</h2><table>`)
	for _, f := range c.index.Files {
		p.raw(`<tr><td><a href="`, esc(f.Name), `">`, esc(f.Name), `</a><td>`, esc(f.SHA256), "\n")
	}
	p.raw(`</table>`)
	heading := ""
	err := c.records(ctx, func(room Room, r access.Record) error {
		if h := room.Name + " · " + r.Kind; h != heading {
			heading = h
			p.raw(`<h2>`, esc(h), `</h2>`)
		}
		p.raw(`<article><table>`)
		for _, f := range flat(r.Data) {
			p.row(f[0], f[1])
		}
		p.raw(`</table></article>`, "\n")
		return p.err
	})
	if err != nil {
		return err
	}
	return p.err
}

// A page writes until something goes wrong.
type page struct {
	w   io.Writer
	err error
}

func (p *page) raw(parts ...string) {
	for _, s := range parts {
		if p.err == nil {
			_, p.err = io.WriteString(p.w, s)
		}
	}
}

func (p *page) row(name, value string) {
	p.raw(`<tr><th scope="row">`, esc(name), `</th><td>`, esc(value), "</td></tr>\n")
}

func esc(s string) string { return html.EscapeString(s) }

// flat returns the values of a JSON text with their paths, sorted; what is no JSON is
// one value.
func flat(data json.RawMessage) (all [][2]string) {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return [][2]string{{"", string(data)}}
	}
	walk("", v, 0, &all)
	slices.SortStableFunc(all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return all
}

// maxDepth bounds how deep a record is shown in parts.
const maxDepth = 8

func walk(at string, v any, depth int, all *[][2]string) {
	within := func(name string) string {
		if at == "" {
			return name
		}
		return at + " · " + name
	}
	switch v := v.(type) {
	case map[string]any:
		if depth < maxDepth {
			for name, part := range v {
				walk(within(name), part, depth+1, all)
			}
			return
		}
	case []any:
		if depth < maxDepth {
			for _, part := range v {
				walk(at, part, depth+1, all)
			}
			return
		}
	case string:
		if v != "" {
			*all = append(*all, [2]string{at, v})
		}
		return
	case nil:
		return
	}
	*all = append(*all, [2]string{at, string(encode(v))})
}
