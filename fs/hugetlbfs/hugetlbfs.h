/* hugetlbfs: files of huge pages of a pool. Nothing but the file-system type is public. */
#pragma once
