module github.com/zmlx-go/zmlx

go 1.26
