package j2k

type htCoder struct{}
