package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"radagora/content"
	"radagora/site"
	"radagora/web/viewer"
)

// A bill lists what is in a program (CycloneDX 1.6).
type bill struct {
	Schema     string      `json:"$schema"`
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Serial     string      `json:"serialNumber"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
	Depends    []depends   `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

// A component is the program, a module or a set of knowledge.
type component struct {
	Type     string          `json:"type"`
	Ref      string          `json:"bom-ref"`
	Name     string          `json:"name"`
	Version  string          `json:"version,omitempty"`
	Hashes   []hash          `json:"hashes,omitempty"`
	Licenses []licenceChoice `json:"licenses,omitempty"`
	PURL     string          `json:"purl,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licenceChoice struct {
	License licence `json:"license"`
}

// A licence has an SPDX identifier or, if there is none, a name.
type licence struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// bom writes the list for one program.
func (r *release) bom(p program) error {
	text, err := r.bill(p)
	if err != nil {
		return err
	}
	return r.write(r.name(p.target, ".cdx.json"), text)
}

// bill returns the list: the modules that the linker put in, the standard library,
// and the sets of knowledge.
func (r *release) bill(p program) ([]byte, error) {
	sum := sha256.Sum256(p.content)
	self := component{
		Type: "application", Ref: "radagora", Name: "radagora", Version: r.version,
		Hashes: []hash{{"SHA-256", digest(p.content)}}, Licenses: licencesOf("Apache-2.0"),
	}
	b := bill{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial:   "urn:uuid:" + uuid.NewHash(sha256.New(), uuid.Nil, sum[:], 8).String(),
		Metadata: metadata{r.when.Format(time.RFC3339), self},
	}
	goVersion := strings.TrimPrefix(p.info.GoVersion, "go")
	b.Components = append(b.Components, library("std", goVersion, "BSD-3-Clause"))
	for _, m := range p.info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		name, known := r.licences[m.Path+" "+m.Version]
		if !known {
			return nil, fmt.Errorf("the list of licences does not name %s %s: run make generate", m.Path, m.Version)
		}
		b.Components = append(b.Components, library(m.Path, m.Version, name))
	}
	sets, err := knowledge()
	if err != nil {
		return nil, err
	}
	b.Components = append(b.Components, sets...)
	images, err := imageViewer()
	if err != nil {
		return nil, err
	}
	b.Components = append(b.Components, images...)
	root := depends{Ref: self.Ref}
	for _, c := range b.Components {
		root.On = append(root.On, c.Ref)
	}
	b.Depends = []depends{root}
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

// library returns the component of a module.
func library(path, version, licences string) component {
	purl := "pkg:golang/" + path + "@" + version
	return component{Type: "library", Ref: purl, Name: path, Version: version, Licenses: licencesOf(licences), PURL: purl}
}

// knowledge returns the components of content/.
func knowledge() ([]component, error) {
	sets, err := content.Open()
	if err != nil {
		return nil, err
	}
	var all []component
	for _, s := range sets.List(site.Default) {
		all = append(all, component{Type: "data", Ref: "content/" + s.ID, Name: s.ID, Version: s.Edition, Licenses: licencesOf(s.Licence)})
	}
	slices.SortFunc(all, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	return all, nil
}

// imageViewer returns the component of the image viewer. A program is released with
// it.
func imageViewer() ([]component, error) {
	v, err := viewer.New()
	if err != nil {
		return nil, err
	}
	if !v.Present() {
		return nil, errors.New("the image viewer is not there: go run ./tools/viewer")
	}
	i := strings.LastIndexByte(v.Source(), '@')
	name, version := v.Source()[:i], v.Source()[i+1:]
	purl := "pkg:npm/" + strings.ReplaceAll(name, "@", "%40") + "@" + version
	return []component{{Type: "library", Ref: purl, Name: name, Version: version, Licenses: licencesOf("MIT"), PURL: purl}}, nil
}

// licencesOf reads "MIT and Apache-2.0".
func licencesOf(text string) (all []licenceChoice) {
	for name := range strings.SplitSeq(text, " and ") {
		l := licence{ID: name}
		if strings.Contains(name, " ") || strings.HasPrefix(name, "LicenseRef-") {
			l = licence{Name: name}
		}
		all = append(all, licenceChoice{l})
	}
	return all
}

// readLicences reads the modules of the list that the program prints: "path version"
// to licences.
func readLicences(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, section, ok := strings.Cut(string(text), "\n== Modules\n\n")
	if !ok {
		return nil, fmt.Errorf("%s has no modules", file)
	}
	section, _, _ = strings.Cut(section, "\n\n")
	all := map[string]string{}
	for line := range strings.SplitSeq(section, "\n") {
		name, licences, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("%s: no licence in %q", file, line)
		}
		all[name] = licences
	}
	return all, nil
}
