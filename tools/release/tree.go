package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"path"
	"time"
)

// A node is a file or, with a mode of directories, a folder of an archive.
type node struct {
	name     string // with slashes, without one at the start or end
	mode     int64
	content  []byte
	folder   bool
	uid, gid int
}

// folders returns nodes for the folders above a path that are not there yet.
func folders(have map[string]bool, name string) (missing []node) {
	dir := path.Dir(name)
	if dir == "." || have[dir] {
		return nil
	}
	missing = append(folders(have, dir), node{name: dir, mode: 0o755, folder: true})
	have[dir] = true
	return missing
}

// complete puts the folders that files lie in before them.
func complete(nodes []node) (all []node) {
	have := map[string]bool{}
	for _, n := range nodes {
		all = append(all, folders(have, n.name)...)
		if n.folder {
			have[n.name] = true
		}
		all = append(all, n)
	}
	return all
}

// tarball writes nodes in their order. Names begin with prefix; every time is when.
func tarball(prefix string, when time.Time, nodes []node) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range nodes {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: prefix + n.name, Mode: n.mode, Size: int64(len(n.content)),
			ModTime: when, Uid: n.uid, Gid: n.gid, Format: tar.FormatUSTAR,
		}
		if n.uid == 0 {
			h.Uname, h.Gname = "root", "root"
		}
		if n.folder {
			h.Typeflag = tar.TypeDir
		}
		if n.folder && n.name != "" { // the prefix is the name of the root
			h.Name += "/"
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(n.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// zipped compresses without name or time.
func zipped(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
