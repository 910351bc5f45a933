/* Prints the position and the class of each image that a file keeps: ./example task.plada */
#include <inttypes.h>
#include <plada.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!in || fseek(in, 0, SEEK_END)) return 2;
    size_t size = (size_t)ftell(in);
    void *data = malloc(size + 1);
    rewind(in);
    if (!data || fread(data, 1, size, in) != size) return 2;
    struct plada_file file;
    const char *code = plada_read(data, size, NULL, NULL, &file);
    if (code) fprintf(stderr, "%s (%s)\n", code, plada_error_class(code));
    for (uint64_t i = 0; i < file.kept; i++) /* none after an error */
        printf("%" PRIu64 "\t%s\n", file.positions[i], file.names ? file.names[file.labels[i]] : "");
    plada_free(&file);
    free(data);
    fclose(in);
    return code ? 1 : 0;
}
