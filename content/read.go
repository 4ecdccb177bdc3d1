package content

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// readSets reads every set of a source. A set with a problem is left out.
func readSets(src Source) (sets []*Set, problems []Problem) {
	var folders []string
	err := fs.WalkDir(src.FS, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			problems = append(problems, unreadable(name, err))
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.IsDir() && path.Ext(name) == ".tsv" || d.Name() == metaFile:
			folders = append(folders, path.Dir(name))
		}
		return nil
	})
	if err != nil {
		problems = append(problems, unreadable(".", err))
	}
	slices.Sort(folders)
	for _, dir := range slices.Compact(folders) {
		s, found := readSet(src, dir)
		if problems = append(problems, found...); len(found) == 0 {
			sets = append(sets, s)
		}
	}
	return sets, problems
}

// readSet reads the set in the folder dir.
func readSet(src Source, dir string) (*Set, []Problem) {
	files, problems := readFiles(src.FS, dir)
	if len(problems) > 0 {
		return nil, problems
	}
	return newSet(src.Origin, dir, files)
}

// newSet makes a set of the files of the folder dir.
func newSet(origin Origin, dir string, files map[string][]byte) (*Set, []Problem) {
	data, ok := files[metaFile]
	if !ok {
		return nil, []Problem{{File: path.Join(dir, metaFile), Code: MissingFile, Args: []string{"any"}}}
	}
	meta, problems := readMeta(dir, data)
	if len(problems) > 0 {
		return nil, problems
	}
	k, ok := kindOf(meta.Kind)
	if !ok {
		return nil, []Problem{{
			File: path.Join(dir, metaFile), Line: keyLine(data, "kind"), Column: "kind", Code: UnknownKind,
			Args: []string{quoted(meta.Kind), strings.Join(slices.Sorted(maps.Keys(Kinds())), ", ")},
		}}
	}
	s := &Set{Meta: meta, Origin: origin, digest: digest(files), tables: map[string]*Table{}, docs: map[string][]byte{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		problems = append(problems, s.read(k, dir, name, files[name])...)
	}
	for _, t := range k.tables {
		if _, ok := files[t.name+".tsv"]; !ok {
			problems = append(problems, Problem{File: path.Join(dir, t.name+".tsv"), Code: MissingFile, Args: []string{k.name}})
		}
	}
	return s, problems
}

// read takes one file into the set.
func (s *Set) read(k kind, dir, name string, data []byte) []Problem {
	file := path.Join(dir, name)
	base := strings.TrimSuffix(name, path.Ext(name))
	schema, described := k.table(base)
	switch {
	case name == metaFile:
		return nil
	case path.Ext(name) == ".tsv" && (described || k.free):
		t, problems := readTSV(file, base, data)
		if len(problems) == 0 && described {
			r := &reader{file: file}
			r.checkTable(t, schema)
			problems = r.problems
		}
		s.tables[base] = t
		return problems
	case k.texts != "" && path.Ext(name) == k.texts:
		s.docs[base] = data
		return k.parse(file, data)
	case path.Ext(name) == ".yaml" && k.free:
		var anything any
		s.docs[base] = data
		return decodeYAML(file, data, &anything)
	}
	return []Problem{{File: file, Code: UnknownFile, Args: []string{k.name}}}
}

// readFiles reads the files of a folder, capped, those of its subfolders not.
func readFiles(fsys fs.FS, dir string) (map[string][]byte, []Problem) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, []Problem{unreadable(dir, err)}
	}
	files := map[string][]byte{}
	var problems []Problem
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || path.Ext(e.Name()) == ".md" {
			continue // explanations beside a set are for people
		}
		data, err := readFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			problems = append(problems, unreadable(path.Join(dir, e.Name()), err))
			continue
		}
		files[e.Name()] = data
	}
	return files, problems
}

// readFile reads a file, and one byte more than any file may have if it is larger.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, fileLimit+1))
}

// digest returns the SHA-256 over the files of a set: for each, in the order of
// their names, name, length and bytes.
func digest(files map[string][]byte) (sum [32]byte) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s\x00%d\x00", name, len(files[name]))
		h.Write(files[name])
	}
	return [32]byte(h.Sum(nil))
}

// unreadable is the problem of a file or folder that cannot be read.
func unreadable(name string, err error) Problem {
	return Problem{File: name, Code: Unreadable, Args: []string{oneLine(err.Error())}}
}
