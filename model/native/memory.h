/* Arrays that grow. Where there is no memory, that is noted in `failed`, and what was to be added is left out: whoever
 * asked is told at the end of the call. */
#ifndef MACHIM_MEMORY_H
#define MACHIM_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { NO_MEMORY = -9 }; /* what functions that Python calls give then */

/* Make room for one element more of `size` bytes; give the array, or NULL. */
static inline void *grow(void *array, int32_t count, int32_t *room, size_t size, int *failed) {
    if (count < *room) return array;
    if (*room > INT32_MAX / 2 || (size_t)*room > SIZE_MAX / 4 / size) {
        *failed = 1;
        return NULL;
    }
    int32_t larger = *room ? 2 * *room : 64;
    void *moved = realloc(array, (size_t)larger * size);
    if (moved == NULL)
        *failed = 1;
    else
        *room = larger;
    return moved;
}

/* Give the place of a new element at the end of `array`, which has `count` of them and room for `room`; or NULL. */
#define APPEND(array, count, room, failed) \
    (append_room((void **)&(array), (count), &(room), sizeof *(array), &(failed)) ? &(array)[(count)++] : NULL)

static inline int append_room(void **array, int32_t count, int32_t *room, size_t size, int *failed) {
    void *there = grow(*array, count, room, size, failed);
    if (there == NULL) return 0;
    *array = there;
    return 1;
}

#endif
