package radagora

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// markdown returns the documents of the repository by path, code left out.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (foreign(d.Name()) || file == "data" || file == "bin"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		docs[file] = codeBlock.ReplaceAllString(string(text), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

var (
	codeBlock  = regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]*`")
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings   = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fragment   = regexp.MustCompile(`\A(added|changed|fixed|removed|security): [A-Z][^\n]{10,98}[^\n.]\n\n\S`)
	adrHeading = regexp.MustCompile(`\A# [1-9][0-9]*\. [A-Z]`)
)

// TestLinks follows every link from one file of the repository to another, to
// the heading it names if it names one.
func TestLinks(t *testing.T) {
	docs := markdown(t)
	for file, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // elsewhere
			}
			name, anchor, hasAnchor := strings.Cut(m[1], "#")
			target := file
			if name != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(name))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if hasAnchor && !anchors(docs[target])[anchor] {
				t.Errorf("%s links to %s: there is no such heading", file, m[1])
			}
		}
	}
}

// anchors returns what headings are called in addresses: lower case, spaces as
// hyphens, no punctuation.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range headings.FindAllStringSubmatch(text, -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])] = true
	}
	return all
}

// TestFragments holds changelog/unreleased to the form that changelog/README.md
// describes.
func TestFragments(t *testing.T) {
	files, err := filepath.Glob("changelog/unreleased/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) != ".md" || !fragment.Match(text) {
			t.Errorf("%s: want a .md file, \"kind: One sentence\", an empty line, then what was and what is", file)
		}
	}
}

// TestDecisions holds docs/adr to its form: one page per decision, listed.
func TestDecisions(t *testing.T) {
	list, err := os.ReadFile("docs/adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("docs/adr/[0-9]*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Error("docs/adr has no pages")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"\n## Context\n", "\n## Decision\n", "\n## Consequences\n"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no%s", file, strings.ReplaceAll(part, "\n", " "))
			}
		}
		if !adrHeading.Match(text) {
			t.Errorf("%s: want a first line like \"# 3. Append instances to packs\"", file)
		}
		if !strings.Contains(string(list), "("+filepath.Base(file)+")") {
			t.Errorf("%s is not listed in docs/adr/README.md", file)
		}
	}
}
