package lang

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Args are the named arguments of a message. The argument "n" decides the
// plural form. Integers are grouped, floats get three significant digits, times
// become dates, a Message is printed in the same language; the rest as fmt
// writes it.
type Args map[string]any

// A Message is a sentence to be: what rooms return instead of text.
type Message struct {
	Key  string
	Args Args
}

// Msg makes a Message.
func Msg(key string, args ...Args) Message {
	m := Message{Key: key}
	if len(args) > 0 {
		m.Args = args[0]
	}
	return m
}

// A Printer speaks one language. It is meant for one page or one command, and
// remembers whether it said anything that is not yet reviewed; it is safe for
// concurrent use.
type Printer struct {
	cat        *Catalogue
	tag        string
	book       *book
	unreviewed atomic.Bool
}

// Tag returns the language as it stands in the address and the cookie.
func (p *Printer) Tag() string { return p.tag }

// HTMLLang returns the language for the attribute lang: the pseudo-languages
// are a private kind of English (BCP 47 §2.2.7).
func (p *Printer) HTMLLang() string {
	if p.tag == Pseudo || p.tag == Long {
		return "en-x-pseudo"
	}
	return p.tag
}

// Languages returns the languages people can choose.
func (p *Printer) Languages() []Language { return p.cat.Languages() }

// Unreviewed reports whether anything printed so far is a translation that no
// speaker of the language has approved.
func (p *Printer) Unreviewed() bool { return p.unreviewed.Load() }

// Say prints a message.
func (p *Printer) Say(m Message) string { return p.T(m.Key, m.Args) }

// Has reports whether there is a message for key in the source language.
func (p *Printer) Has(key string) bool {
	_, ok := p.cat.book[Source].entries[key]
	return ok
}

// T prints the message for key with its arguments. What this language lacks is
// said in Source, what that lacks too is the key in brackets; both are noted in
// the catalogue.
func (p *Printer) T(key string, args ...Args) string {
	var a Args
	if len(args) > 0 {
		a = args[0]
	}
	b := p.book
	e, ok := b.entries[key]
	if !ok {
		p.cat.note(p.tag, key)
		b = p.cat.book[Source]
		if e, ok = b.entries[key]; !ok {
			return "⟨" + key + "⟩"
		}
	}
	if p.tag != Source && !e.reviewed {
		p.unreviewed.Store(true)
	}
	t := e.form(b.tag, a["n"])
	if len(t) == 1 && !t[0].arg {
		return t[0].text
	}
	var s strings.Builder
	for _, part := range t {
		if part.arg {
			s.WriteString(p.arg(key, part.text, a))
		} else {
			s.WriteString(part.text)
		}
	}
	return s.String()
}

// arg prints one argument of the message for key.
func (p *Printer) arg(key, name string, a Args) string {
	v, ok := a[name]
	if !ok {
		p.cat.note(p.tag, key+" {"+name+"}")
		return "{" + name + "}"
	}
	if i, ok := whole(v); ok {
		return p.Count(i)
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return p.Sig(v)
	case time.Time:
		return p.Date(v)
	case Message:
		return p.Say(v)
	}
	return fmt.Sprint(v)
}
