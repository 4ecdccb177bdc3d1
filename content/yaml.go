package content

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"radagora/fault"
)

const (
	yamlLimit = 1 << 20 // bytes of a YAML file
	yamlDepth = 32      // brackets and indentation in one another
)

// features names what a YAML file may not use: references make a small file
// large, tags choose types, and neither is needed to write knowledge down.
var features = map[token.Type]string{
	token.AnchorType: "an anchor (&)", token.AliasType: "an alias (*)", token.MergeKeyType: "a merge key (<<)",
	token.TagType: "a tag (!)", token.DirectiveType: "a directive (%)",
}

// decodeYAML reads data strictly into v: every key must be known to v.
func decodeYAML(file string, data []byte, v any) (problems []Problem) {
	r := &reader{file: file}
	defer func() {
		// The parser is not ours. Should it fail, the file is to blame, not the program.
		if recover() != nil {
			r.report(0, "", BadYAML, "the parser gave up")
			problems = r.problems
		}
	}()
	if !r.text(data, yamlLimit) || !r.shallow(data) || !r.plain(data) {
		return r.problems
	}
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(v)
	var at yaml.Error
	switch {
	case errors.As(err, &at):
		line := 0
		if tok := at.GetToken(); tok != nil && tok.Position != nil {
			line = tok.Position.Line
		}
		r.report(line, "", BadYAML, oneLine(at.GetMessage()))
	case err != nil:
		r.report(0, "", BadYAML, oneLine(err.Error()))
	}
	return r.problems
}

// shallow refuses nesting that no reader could follow, before the parser tries.
func (r *reader) shallow(data []byte) bool {
	line, open := 0, 0
	for text := range bytes.Lines(data) {
		line++
		indent := len(text) - len(bytes.TrimLeft(text, " -?:"))
		open += bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{"))
		open -= bytes.Count(text, []byte("]")) + bytes.Count(text, []byte("}"))
		open = max(open, 0)
		nested := strings.Count(string(text), "[") + strings.Count(string(text), "{")
		if indent > 2*yamlDepth || open > yamlDepth || nested > 4*yamlDepth {
			r.report(line, "", YAMLFeature, fmt.Sprintf("nesting deeper than %d", yamlDepth))
			return false
		}
	}
	return true
}

// plain refuses the features of YAML that content does not need.
func (r *reader) plain(data []byte) bool {
	for _, tok := range lexer.Tokenize(string(data)) {
		if what, ok := features[tok.Type]; ok {
			r.report(tok.Position.Line, "", YAMLFeature, what)
		}
	}
	return len(r.problems) == 0
}

// oneLine returns the first line of a message.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// Decode reads name.yaml of the set into v, which must know every key in it. The
// error is of kind NotFound if there is no such file, of kind Invalid if it does
// not fit v.
func (s *Set) Decode(name string, v any) error {
	data, ok := s.docs[name]
	if !ok {
		return fault.Errorf(fault.NotFound, "content set %s has no %s.yaml", s.ID, name)
	}
	if problems := decodeYAML(s.ID+"/"+name+".yaml", data, v); len(problems) > 0 {
		return fault.As(fault.Invalid, CheckError(problems))
	}
	return nil
}

// Text returns a file of another language that the set has, such as policies, by
// its name without extension. NotFound: it has none of that name.
func (s *Set) Text(name string) ([]byte, error) {
	data, ok := s.docs[name]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "content %s: no file %s", s.ID, name)
	}
	return data, nil
}

// Texts returns the names of the files of another language that the set has, sorted.
func (s *Set) Texts() []string { return slices.Sorted(maps.Keys(s.docs)) }
