package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// manyTargets stands for a reference to more types than are worth listing.
const manyTargets = 40

// A searchParameter is what the table needs of a SearchParameter.
type searchParameter struct {
	Code, Type, Expression string
	Base, Target           []string
}

// searchTable returns search.tsv from the Bundle of the search parameters of R4. Those
// without an expression, the special ones and those made of several others are left
// out.
func searchTable(pkg string) ([]byte, error) {
	var bundle struct {
		Entry []struct{ Resource searchParameter }
	}
	if err := readJSON(filepath.Join(pkg, "Bundle-searchParams.json"), &bundle); err != nil {
		return nil, err
	}
	rows := map[string][]string{}
	for _, e := range bundle.Entry {
		p := e.Resource
		if p.Expression == "" || p.Type == "composite" || p.Type == "special" {
			continue
		}
		targets := strings.Join(p.Target, " ")
		if len(p.Target) > manyTargets {
			targets = openTypes
		}
		for _, base := range p.Base {
			rows[base] = append(rows[base], strings.TrimRight(strings.Join([]string{p.Code, p.Type, partFor(base, p.Expression), targets}, "\t"), "\t"))
		}
	}
	var b bytes.Buffer
	b.WriteString(heading)
	bases := make([]string, 0, len(rows))
	for base := range rows {
		bases = append(bases, base)
	}
	slices.Sort(bases)
	for _, base := range bases {
		slices.Sort(rows[base])
		fmt.Fprintf(&b, "=%s\n%s\n", base, strings.Join(rows[base], "\n"))
	}
	return b.Bytes(), nil
}

// partFor returns the parts of a union that speak of a type, all of it if none does.
func partFor(base, expression string) string {
	var mine []string
	for _, part := range unionParts(expression) {
		if strings.HasPrefix(strings.TrimLeft(part, "( "), base+".") {
			mine = append(mine, part)
		}
	}
	if len(mine) == 0 {
		return expression
	}
	return strings.Join(mine, " | ")
}

// unionParts cuts an expression at each | outside parentheses and quotations.
func unionParts(expression string) (parts []string) {
	depth, quoted, from := 0, false, 0
	for i, c := range []byte(expression) {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			parts, from = append(parts, strings.TrimSpace(expression[from:i])), i+1
		}
	}
	return append(parts, strings.TrimSpace(expression[from:]))
}
