/* A binary heap: the highest score first; of equal scores the one that was put in last. */
#ifndef MACHIM_HEAP_H
#define MACHIM_HEAP_H

#include "memory.h"

typedef struct {
    double score;
    int32_t item; /* whose numbers only grow, so that a larger one was put in later */
} Ranked;

typedef struct {
    Ranked *ranked;
    int32_t count, room;
} Heap;

static inline int comes_before(Ranked one, Ranked other) {
    return one.score > other.score || (one.score == other.score && one.item > other.item);
}

static inline void heap_push(Heap *heap, double score, int32_t item, int *failed) {
    if (APPEND(heap->ranked, heap->count, heap->room, *failed) == NULL) return;
    Ranked added = {score, item};
    int32_t at = heap->count - 1;
    while (at > 0) {
        int32_t above = (at - 1) / 2;
        if (!comes_before(added, heap->ranked[above])) break;
        heap->ranked[at] = heap->ranked[above];
        at = above;
    }
    heap->ranked[at] = added;
}

/* Take the first; the heap must not be empty. */
static inline Ranked heap_pop(Heap *heap) {
    Ranked first = heap->ranked[0], last = heap->ranked[--heap->count];
    int32_t at = 0;
    for (;;) {
        int32_t below = 2 * at + 1;
        if (below >= heap->count) break;
        if (below + 1 < heap->count && comes_before(heap->ranked[below + 1], heap->ranked[below])) below++;
        if (!comes_before(heap->ranked[below], last)) break;
        heap->ranked[at] = heap->ranked[below];
        at = below;
    }
    if (heap->count > 0) heap->ranked[at] = last;
    return first;
}

#endif
