package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// A book is one language: its conventions and its messages.
type book struct {
	Name     string         `yaml:"name"`
	Number   symbols        `yaml:"number"`
	Calendar calendar       `yaml:"calendar"`
	Messages map[string]any `yaml:"messages"` // as read; the rest of the package uses entries

	tag     language.Tag
	entries map[string]entry
}

// symbols are the marks a number is written with.
type symbols struct {
	Decimal string `yaml:"decimal"`
	Group   string `yaml:"group"`
}

// A calendar says how dates are written. Patterns know {d} {dd} {m} {mm}
// {month} {mon} {y}.
type calendar struct {
	Months   []string `yaml:"months"`
	Short    []string `yaml:"short"`
	Date     string   `yaml:"date"`     // a date in a table
	LongDate string   `yaml:"longdate"` // a date in a heading
	Month    string   `yaml:"month"`    // a month with its year
}

// An entry is one message with its plural forms; a message without plural has
// the form Other alone.
type entry struct {
	forms    map[plural.Form]template
	reviewed bool
}

// A template is a message cut at its placeholders.
type template []segment

// A segment is literal text, or the name of an argument.
type segment struct {
	text string
	arg  bool
}

// formNames are the plural forms of CLDR as they stand in the files.
var formNames = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two,
	"few": plural.Few, "many": plural.Many, "other": plural.Other, "text": plural.Other,
}

// readBook reads one catalogue file.
func readBook(files fs.FS, name string) (*book, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	b := book{}
	if err := yaml.UnmarshalWithOptions(text, &b, yaml.Strict()); err != nil {
		return nil, err
	}
	if len(b.Calendar.Months) != 12 || len(b.Calendar.Short) != 12 {
		return nil, errors.New("the calendar needs twelve months, long and short")
	}
	b.entries = make(map[string]entry, len(b.Messages))
	for key, v := range b.Messages {
		e, err := readEntry(v)
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", key, err)
		}
		b.entries[key] = e
	}
	return &b, nil
}

// readEntry reads a message: a text, or a map of forms with "reviewed".
func readEntry(v any) (entry, error) {
	e := entry{forms: map[plural.Form]template{}}
	fields, isMap := v.(map[string]any)
	if !isMap {
		fields = map[string]any{"text": v}
	}
	for name, v := range fields {
		if name == "reviewed" {
			yes, ok := v.(bool)
			if !ok {
				return e, errors.New("reviewed is neither true nor false")
			}
			e.reviewed = yes
			continue
		}
		form, known := formNames[name]
		text, isText := v.(string)
		if !known || !isText {
			return e, fmt.Errorf("%s is no plural form with a text", name)
		}
		t, err := parse(text)
		if err != nil {
			return e, err
		}
		e.forms[form] = t
	}
	if e.forms[plural.Other] == nil {
		return e, errors.New("it has no text, or no form \"other\"")
	}
	return e, nil
}

// parse cuts a message at its placeholders and keeps together what must not be
// parted at the end of a line.
func parse(text string) (template, error) {
	var t template
	for text = keepTogether(text); text != ""; {
		before, rest, ok := strings.Cut(text, "{")
		if before != "" {
			t = append(t, segment{text: before})
		}
		if !ok {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{ ") {
			return nil, fmt.Errorf("placeholder {%s is not closed or not a name", name)
		}
		t = append(t, segment{text: name, arg: true})
		text = after
	}
	if t == nil {
		return nil, errors.New("it is empty")
	}
	return t, nil
}

// keepTogether puts no-break spaces where a space may not end a line: before
// French punctuation and the per cent sign, within guillemets, around "=" in
// "n = 84".
var keepTogether = strings.NewReplacer(
	" :", nbsp+":", " ;", nbsp+";", " !", nbsp+"!", " ?", nbsp+"?", " %", nbsp+"%",
	" »", nbsp+"»", "« ", "«"+nbsp, "n = ", "n"+nbsp+"="+nbsp,
).Replace

// nbsp is the space that does not end a line.
const nbsp = "\u00a0"

// args returns the names of a template's placeholders, each once, in order.
func (t template) args() []string {
	var all []string
	for _, s := range t {
		if s.arg && !slices.Contains(all, s.text) {
			all = append(all, s.text)
		}
	}
	slices.Sort(all)
	return all
}

// form returns the template for the number n, which decides the plural.
func (e entry) form(tag language.Tag, n any) template {
	if len(e.forms) > 1 {
		if t := e.forms[pluralForm(tag, n)]; t != nil {
			return t
		}
	}
	return e.forms[plural.Other]
}

// pluralForm returns the plural form of n in the language, Other for what is no
// whole number.
func pluralForm(tag language.Tag, n any) plural.Form {
	i, ok := whole(n)
	if !ok {
		return plural.Other
	}
	if i < 0 {
		i = -i
	}
	return plural.Cardinal.MatchPlural(tag, int(i%10_000_000), 0, 0, 0, 0)
}

// whole returns n as an integer if it is of an integer type.
func whole(n any) (int64, bool) {
	switch n := n.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case int32:
		return int64(n), true
	}
	return 0, false
}
