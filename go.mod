module github.com/lingerhttp/linger

go 1.26.0
