package sr

import (
	"html/template"
	"io"
	"strings"
)

// A Page is what stands above a report that is written as a page.
type Page struct {
	Language string // BCP 47; "" is English
	Heading  []Fact // whose it is, when, by whom
	// Link returns where an object that the report names can be seen, "" if nowhere.
	Link func(r Reference) string
}

// A Fact is a label and a value.
type Fact struct{ Label, Value string }

// HTML writes the report as a page that a browser shows without script or anything
// loaded: concepts as headings and labels, codes, values with units, text as it was
// divided into lines, and what it refers to as links. Everything foreign is escaped.
func (doc *Document) HTML(w io.Writer, p Page) error {
	if p.Language == "" {
		p.Language = "en"
	}
	if p.Link == nil {
		p.Link = func(Reference) string { return "" }
	}
	return pageHTML.Execute(w, struct {
		Page
		Title string
		Root  shown
	}{p, title(doc.Root), p.show(doc.Root, 2)})
}

// title is the name of a report.
func title(root *Item) string {
	for _, t := range []string{clean(root.Concept.Meaning), clean(root.Concept.Value)} {
		if t != "" {
			return t
		}
	}
	return "Structured report"
}

// A shown item is what the page says of it.
type shown struct {
	Label, Code string // of the concept
	Value       string
	Lines       []string // of a text
	Unit        string
	Links       []link
	Container   bool
	Level       int // of the heading
	Children    []shown
}

type link struct{ Text, To string }

// deepest is the lowest heading.
const deepest = 6

// show prepares an item and what is below it.
func (p Page) show(i *Item, level int) shown {
	s := shown{Label: clean(i.Concept.Meaning), Code: codeOf(i.Concept), Container: i.ValueType == "CONTAINER", Level: min(level, deepest)}
	if s.Label == "" {
		s.Label, s.Code = clean(i.Concept.Value), ""
	}
	switch {
	case i.Num != nil && i.Num.Raw != "":
		s.Value, s.Unit = clean(i.Num.Raw), unitText(i.Num.Unit)
	case i.Num != nil:
		s.Value = codeText(i.Num.Qualifier)
	case !i.Code.IsZero():
		s.Value = codeText(i.Code)
	case i.Text != "":
		for line := range strings.Lines(strings.ReplaceAll(i.Text, "\r", "\n")) {
			if line = clean(strings.TrimSpace(line)); line != "" {
				s.Lines = append(s.Lines, line)
			}
		}
	}
	if i.Target != "" {
		s.Value = "→ " + i.Target
	}
	for _, r := range i.References {
		s.Links = append(s.Links, link{clean(r.SOPInstance), p.Link(r)})
	}
	for _, c := range i.Children {
		s.Children = append(s.Children, p.show(c, level+1))
	}
	return s
}

// codeOf returns a code in the short form (value, scheme).
func codeOf(c Code) string {
	if c.Value == "" {
		return ""
	}
	return clean(c.Value) + ", " + clean(c.Scheme)
}

var pageHTML = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Title}}</title><style>
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem}h3,h4,h5,h6{font-size:1rem}h2,h3,h4,h5,h6{margin:1rem 0 .25rem}
dl.of{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;margin:0 0 1rem;border-block:1px solid #8888;padding:.5rem 0}
dt{opacity:.75}dd{margin:0}ul{list-style:none;margin:0;padding-left:1rem;border-left:1px solid #8884}
.of dd{font-weight:600}.c{font-size:.75rem;opacity:.7}.v{font-weight:600;font-variant-numeric:tabular-nums}p{margin:.1rem 0;font-weight:600}
@media print{body{max-width:none}}
</style></head><body><main><h1>{{.Title}}</h1>
{{with .Heading}}<dl class="of">{{range .}}<dt>{{.Label}}</dt><dd>{{.Value}}</dd>{{end}}</dl>{{end}}
{{template "below" .Root.Children}}</main></body></html>
{{define "below"}}{{with .}}<ul>{{range .}}<li>{{template "item" .}}</li>{{end}}</ul>{{end}}{{end}}
{{define "name"}}{{.Label}}{{with .Code}} <span class="c">({{.}})</span>{{end}}{{end}}
{{define "item"}}{{if .Container}}{{if eq .Level 3}}<h2>{{template "name" .}}</h2>{{else if eq .Level 4}}<h3>{{template "name" .}}</h3>{{else if eq .Level 5}}<h4>{{template "name" .}}</h4>{{else}}<h5>{{template "name" .}}</h5>{{end}}
{{else}}<span>{{template "name" .}}</span>{{if or .Value .Links}}: {{end}}{{with .Value}}<span class="v">{{.}}</span>{{end}}{{with .Unit}} {{.}}{{end}}
{{range .Links}}{{if .To}}<a href="{{.To}}">{{.Text}}</a>{{else}}{{.Text}}{{end}} {{end}}{{range .Lines}}<p>{{.}}</p>{{end}}{{end}}
{{template "below" .Children}}{{end}}
`))
