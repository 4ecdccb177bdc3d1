module radagora

go 1.26
