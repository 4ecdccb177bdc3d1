package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"radagora/fault"
	"radagora/hl7"
)

// hl7Cmd reads, sends and takes HL7 v2 messages, for whoever connects systems.
type hl7Cmd struct {
	Show   hl7ShowCmd   `cmd:"" help:"Print messages as a tree with the standard's names."`
	Get    hl7GetCmd    `cmd:"" help:"Print the value at a path of messages."`
	Send   hl7SendCmd   `cmd:"" help:"Send messages to a system and print what it answers (MLLP)."`
	Listen hl7ListenCmd `cmd:"" help:"Take messages, print a line for each, and acknowledge them (MLLP); keeps nothing."`
}

// messagesOf reads the messages of files, one after the other; - is what comes in.
func messagesOf(sys *system, names []string, each func(name string, b []byte) error) error {
	bad := 0
	for _, name := range names {
		if err := messagesIn(sys, name, each); err != nil {
			bad++
			fmt.Fprintf(sys.Err, "radagora: %s: %v\n", name, err)
		}
	}
	if bad > 0 {
		return fault.Errorf(fault.Invalid, "%d of %d files were not read to the end", bad, len(names))
	}
	return nil
}

func messagesIn(sys *system, name string, each func(name string, b []byte) error) error {
	in := sys.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	r, found := hl7.NewReader(in, hl7.Limits{}), false
	for {
		item, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			for _, w := range r.Warnings {
				fmt.Fprintf(sys.Err, "%s: %v\n", name, w)
			}
			if !found {
				return fault.Errorf(fault.Invalid, "there is no message in it")
			}
			return nil
		case err != nil:
			return err
		case item.Kind != "MSH":
			continue
		}
		found = true
		if err := each(name, item.Bytes); err != nil {
			return err
		}
	}
}

type hl7ShowCmd struct {
	JSON    bool     `name:"json" help:"Print one JSON object for each message."`
	Charset string   `placeholder:"WORD" help:"Read messages that name no character set as this one, such as 8859/15."`
	Files   []string `arg:"" name:"file" help:"File with messages, or a batch; - is standard input."`
}

func (hl7ShowCmd) Help() string {
	return `Prints each segment and field with its place, the standard's name and its text. It shows what the file holds,
names of patients included. Exits with 1 if a message cannot be read.

Example:

    radagora hl7 show order.hl7`
}

// Run prints message after message.
func (c hl7ShowCmd) Run(sys *system) error {
	w := bufio.NewWriter(sys.Out)
	n := 0
	err := messagesOf(sys, c.Files, func(_ string, b []byte) error {
		m, err := hl7.Parse(b, &hl7.Options{Charset: c.Charset})
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(w).Encode(treeOf(m))
		}
		if n++; n > 1 {
			fmt.Fprintln(w)
		}
		printTree(w, treeOf(m))
		return nil
	})
	return errors.Join(err, w.Flush())
}

// A hl7Tree is a message as it is shown.
type hl7Tree struct {
	Type     string       `json:"type"`
	Version  string       `json:"version"`
	Charset  string       `json:"charset"`
	Segments []hl7Segment `json:"segments"`
	Warnings []string     `json:"warnings,omitempty"`
}

// A hl7Segment is a segment as it is shown, with what it holds.
type hl7Segment struct {
	Segment string    `json:"segment"`
	Values  []hl7Leaf `json:"values"`
}

// A hl7Leaf is a text and its place.
type hl7Leaf struct {
	Path string `json:"path"`
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
	Null bool   `json:"null,omitempty"`
}

// treeOf gathers what a message holds.
func treeOf(m *hl7.Message) hl7Tree {
	h := m.Header()
	t := hl7Tree{Type: strings.Trim(h.Type+"^"+h.Trigger, "^"), Version: h.Version, Charset: m.Charset()}
	seen := map[string]int{}
	for _, s := range m.Segments() {
		seen[s.Name()]++
		p := hl7.Path{Segment: s.Name(), Occurrence: seen[s.Name()]}
		if p.Occurrence == 1 {
			p.Occurrence = 0
		}
		out := hl7Segment{Segment: p.String(), Values: []hl7Leaf{}}
		for n := 1; n <= s.Fields(); n++ {
			p.Field = n
			kind := hl7.TypeOf(s.Name(), n)
			if s.Name() == "OBX" && n == 5 {
				kind = s.Field(2).Text()
			}
			out.Values = append(out.Values, fieldLeaves(p, kind, s.Field(n))...)
		}
		t.Segments = append(t.Segments, out)
	}
	for _, w := range m.Warnings {
		t.Warnings = append(t.Warnings, w.String())
	}
	return t
}

// fieldLeaves returns the texts of a field that are there.
func fieldLeaves(p hl7.Path, kind string, f hl7.Value) (out []hl7Leaf) {
	name := hl7.NameOf(p.Segment, p.Field)
	many := more(f.Repetitions())
	r := 0
	for repetition := range f.Repetitions() {
		if r++; many {
			p.Repetition = r
		}
		composite, n := more(repetition.Components()), 0
		for component := range repetition.Components() {
			n++
			at, called, deeper, d := p, name, more(component.Subcomponents()), 0
			word, part := hl7.PartOf(kind, n)
			if composite || deeper {
				at.Component = n
				called = underName(name, word)
			}
			for sub := range component.Subcomponents() {
				d++
				leaf := hl7Leaf{Name: called, Text: sub.Text(), Null: sub.Null()}
				if deeper {
					at.Subcomponent = d
					inner, _ := hl7.PartOf(part, d)
					leaf.Name = underName(called, inner)
				}
				if leaf.Path = at.String(); !sub.Empty() {
					out = append(out, leaf)
				}
			}
		}
	}
	return out
}

// more reports whether there is more than one value.
func more(all func(func(hl7.Value) bool)) bool {
	n := 0
	for range all {
		if n++; n > 1 {
			return true
		}
	}
	return false
}

// underName joins names, if there are both.
func underName(a, b string) string {
	if a == "" || b == "" {
		return ""
	}
	return a + "." + b
}

// longest is how much of a text is printed; documents are long.
const longest = 200

func printTree(w io.Writer, t hl7Tree) {
	fmt.Fprintf(w, "# %s, version %s, %s\n", orWord(t.Type, "no type"), orWord(t.Version, "not named"), t.Charset)
	for _, s := range t.Segments {
		fmt.Fprintln(w, s.Segment)
		for _, v := range s.Values {
			text := v.Text
			if v.Null {
				text = `"" (there is none)`
			}
			if r := []rune(text); len(r) > longest {
				text = fmt.Sprintf("%s… (%d characters)", string(r[:longest]), len(r))
			}
			fmt.Fprintf(w, "  %-14s %-46s %s\n", v.Path, v.Name, plainLine(text))
		}
	}
	for _, warning := range t.Warnings {
		fmt.Fprintf(w, "# warning: %s\n", warning)
	}
}

// plainLine makes one line of a text, without what a terminal would obey.
func plainLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case r < ' ' || r == 0x7F || r >= 0x80 && r < 0xA0:
			return '·'
		}
		return r
	}, s)
}

type hl7GetCmd struct {
	Path    string   `arg:"" help:"Where, such as PID-3[2].1, PID.PatientName.GivenName or OBX[*]-5."`
	Charset string   `placeholder:"WORD" help:"Read messages that name no character set as this one, such as 8859/15."`
	Files   []string `arg:"" name:"file" help:"File with messages, or a batch; - is standard input."`
}

func (hl7GetCmd) Help() string {
	return `Prints the text at a path of each message, a line for each value; nothing where there is none. [*] means all.
Exits with 1 if a message cannot be read.

Example:

    radagora hl7 get 'PID-3[*].1' order.hl7`
}

// Run prints the values.
func (c hl7GetCmd) Run(sys *system) error {
	path, err := hl7.ParsePath(c.Path)
	if err != nil {
		return usageError{err}
	}
	return messagesOf(sys, c.Files, func(_ string, b []byte) error {
		m, err := hl7.Parse(b, &hl7.Options{Charset: c.Charset})
		if err != nil {
			return err
		}
		for v := range m.All(path) {
			fmt.Fprintln(sys.Out, plainLine(v.Text()))
		}
		return nil
	})
}
